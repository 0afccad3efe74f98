// What else in the mount tables keeps a mount or its device: file systems mounted below it, and copies of it
// in other mount namespaces, which live on when ours goes. Leaves processes that use files to holders.
#pragma once

#include "mountinfo.h"

#include <sys/types.h>

namespace ksquash {

// Mount points strictly below a resolved path, in the table's order.
std::vector<const MountRow*> mountsBelow(const std::vector<MountRow>& rows, std::string_view path);

struct MountCopy {
    int pid = 0; // a process of that namespace
    std::string target;
};

// Copies of a device's mounts in other mount namespaces, one for each namespace: of those that `pids` are in
// and that may be looked at. Left out are copies that an unmount here takes along: theirs stands on a mount
// that receives our events (mount_namespaces(7), shared and slave mounts).
std::vector<MountCopy> findMountCopies(const std::vector<MountRow>& own, dev_t device,
                                       const std::vector<int>& pids);

} // namespace ksquash
