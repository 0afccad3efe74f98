// A file's capabilities as its extended attribute security.capability (struct vfs_cap_data, capabilities(7)):
// what setcap(8) writes, without that program. Leaves to the caller which ones.
#pragma once

#include "../base/file.h"

#include <optional>

namespace ksquash {

struct FileCapabilities {
    uint64_t permitted = 0;
    uint64_t inheritable = 0;
    bool effective = false; // "+ep": raised at exec; without it the program raises them itself
};

// Of the regular file itself, never of one behind a link; nothing where it has none.
Result<std::optional<FileCapabilities>> fileCapabilities(const std::string& path);
// Permitted ones only ("=p"); 0 takes the attribute away. EPERM without CAP_SETFCAP.
Status setFileCapabilities(const std::string& path, uint64_t permitted);

} // namespace ksquash
