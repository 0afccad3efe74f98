// Renames that cannot lose anything: two names change places, or a name is taken only when it is free; the
// parents are synced, so that after a power cut one of the two states is there. And flushing one file.
#pragma once

#include "../base/sys.h"

namespace ksquash {

Status exchangeNames(const std::string& a, const std::string& b);
// EEXIST when `to` is there.
Status renameNew(const std::string& from, const std::string& to);
// fsync, then POSIX_FADV_DONTNEED: the next read comes from the device. A directory is only synced.
Status flushFile(const std::string& path);

} // namespace ksquash
