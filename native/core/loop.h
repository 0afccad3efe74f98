// Loop devices: attach an image to a free one, and tell which file a device carries (loop(4)).
// A device is only ever freed by closing it (autoclear): clearing one by name could detach another's image.
// Leaves mounting to mount, and the lock around the search for a free device to lock.
#pragma once

#include "file.h"

namespace ksquash {

constexpr unsigned loopMajor = 7;

struct LoopDevice {
    UniqueFd fd; // the device lives while this or a mount holds it
    unsigned number = 0;
    dev_t rdev = 0;
    FileKey file;
    std::string path() const { return "/dev/loop" + std::to_string(number); }
};

// Attaches read-only with autoclear. `control` is /dev/loop-control, `image` an open regular file.
Result<LoopDevice> attachLoop(int control, int image, const std::string& imagePath);

struct LoopBacking {
    unsigned number = 0;
    FileKey file;
    std::string configuredName; // as given when it was attached; "" when not known or cut off at 63 bytes
    std::string currentName;    // sysfs follows renames; "" when /sys is not there
    bool deleted = false;       // the file has lost that name
    std::string path() const { return "/dev/loop" + std::to_string(number); }
};

// What the loop device with this st_dev carries: ENXIO when nothing, ENODEV when it is no loop device.
Result<LoopBacking> loopBacking(dev_t device);

// Waits until the device no longer carries this file; false when it still does at the deadline.
bool waitUnbound(dev_t device, const FileKey& file, int timeoutMs);

} // namespace ksquash
