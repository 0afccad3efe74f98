// Changes of this mount namespace as they happen: fanotify(7) with FAN_MARK_MNTNS where the kernel has it
// (6.15, commit 0f46d81f2bce), else poll(2) on the mount table (proc_pid_mountinfo(5)) and a comparison of
// two readings. Leaves the thread that waits to its user.
#pragma once

#include "../base/sys.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace ksquash {

// lost: changes came too fast to be told one by one, look yourself
enum class MountChangeKind { attached, detached, moved, lost };
const char* kindName(MountChangeKind kind);

struct MountChange {
    MountChangeKind kind = MountChangeKind::lost;
    // As STATX_MNT_ID_UNIQUE gives it where `unique`, else the mount table's; 0: lost.
    uint64_t id = 0;
    bool unique = false;
    std::string target; // "" where it is not known: it was gone before it could be looked at
    std::string fstype;
    std::string device; // "MAJOR:MINOR"
};

class MountWatcher {
  public:
    virtual ~MountWatcher() = default;
    // Blocks until there are changes. ECANCELED once `stop` (an eventfd(2)) is readable.
    virtual Result<std::vector<MountChange>> wait(int stop) = 0;
    // "fanotify" or "mountinfo"
    virtual const char* way() const = 0;
};

// Changes from now on are told. `onlyTable` leaves fanotify out, as an older kernel would.
Result<std::unique_ptr<MountWatcher>> watchMounts(bool onlyTable);
Result<std::unique_ptr<MountWatcher>> watchTable();

// Waits for `fd` (poll(2) `events`) or `stop`: ECANCELED for the latter.
Status waitFor(int fd, short events, int stop);

} // namespace ksquash
