// The two transactions: mount an image on an empty directory, and unmount it. Under the lock of
// /dev/loop-control, by descriptor, by dev:ino; a failure leaves no mount and no loop device. Leaves reading
// the table to mount_status.
#pragma once

#include "../base/control.h"
#include "transaction.h"

namespace ksquash {

struct MountRequest {
    std::vector<std::string> layers; // images, the lowest first
    std::string target;
    std::string options;
    std::optional<FileKey> expect; // refuse (ESTALE) any other image as the lowest layer
};

// ECANCELED: only while it waits for the lock.
Result<MountResult> mountImage(const MountRequest& request, const Control& control);

struct UmountResult {
    bool stillHeld = false; // the mount is gone from here, but its loop device is still bound
};

// EINVAL: nothing is mounted there. EBUSY: in use. ESTALE: `expect` is not what is mounted.
Result<UmountResult> umountTarget(const std::string& target, bool lazy, std::optional<FileKey> expect,
                                  const Control& control);

} // namespace ksquash
