// What the kernel says of one mount: its type, its device, the mount it stands on. statmount(2) (6.8) where
// the kernel has it, else the row of the mount table. Leaves paths and loop devices to mount_status.
#pragma once

#include "../base/file.h"

#include <optional>

namespace ksquash {

struct MountFacts {
    std::string fstype;
    uint64_t parentId = 0; // of the same kind as FileStat::mountId, see uniqueId
    dev_t device = 0;
    bool uniqueId = false; // from statmount: ids as STATX_MNT_ID_UNIQUE gives them
};

// Of the mount that the open file `fd` lies in; `stat` is statAt's answer for it. Nothing: the mount is in no
// tree (detached, or gone).
std::optional<MountFacts> mountFacts(int fd, const FileStat& stat);

// The id of the mount table's first column, from /proc/self/fdinfo (3.15); 0 when it cannot be read.
uint64_t tableMountId(int fd);

// Is the mount whose root is `mount` attached to the very mount in which `place` lies? No, when something
// else has been mounted at that place before it: move_mount(2) stacks silently.
Result<bool> isMountedOn(int mount, int place);

} // namespace ksquash
