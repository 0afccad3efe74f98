// flock(2): a lock file of the caller's choice, and the one lock under every mount and umount, which is
// /dev/loop-control itself (root only, so no user can hang a privileged program; it also serialises the
// search for a free loop device). Bounded waits only. Lock files are never unlinked.
#pragma once

#include "sys.h"

namespace ksquash {

// Takes LOCK_EX within `timeoutMs` (0: at once or not at all), else EWOULDBLOCK.
Status flockWithin(int fd, int timeoutMs, const std::string& path);
// Opens (makes: 0600) a lock file and locks it. The lock goes with the descriptor, so with the process too.
Result<UniqueFd> lockFile(const std::string& path, int timeoutMs);
// /dev/loop-control, locked: EBUSY with a reason after ten seconds.
Result<UniqueFd> lockLoopControl();

} // namespace ksquash
