// A loop device that stays: an image attached without a mount, until detached. Under the lock of
// /dev/loop-control like every mount. Leaves devices that live as long as their mount to loop and mount.
#pragma once

#include "../base/control.h"
#include "../base/file.h"

#include <optional>

namespace ksquash {

struct AttachResult {
    std::string device; // "/dev/loop3"
    FileKey file;
};

// Attaches a checked image read-only to a free device. ESTALE: the image is not `expect`.
Result<AttachResult> attachImage(const std::string& image, const std::optional<FileKey>& expect,
                                 const Control& control);

struct DetachResult {
    bool stillHeld = false; // it will be free when its last user closes it
};

// Frees the device if it still carries `file`: ESTALE when it carries another, ENXIO nothing; EBUSY: mounted.
Result<DetachResult> detachImage(const std::string& device, const FileKey& file, const Control& control);

} // namespace ksquash
