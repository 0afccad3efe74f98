// Loop devices: attach an image to a free one, and tell which file a device carries (loop(4)).
// A device is only ever freed by closing it (autoclear): clearing one by name could detach another's image.
// Leaves mounting to mount, and the lock around the search for a free device to lock.
#pragma once

#include "../base/file.h"

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

// What the device itself remembers of an image's path, which has 63 bytes there: a longer one is its end,
// after "*".
std::string loopName(const std::string& imagePath);

// What a device carries. Never compare by name: "/dev/loop1" is a prefix of "/dev/loop10".
struct LoopIdentity {
    unsigned number = 0;
    FileKey file;
    uint64_t sequence = 0; // BLKGETDISKSEQ (5.15): another one at each attach; 0 when not known
    std::string path() const { return "/dev/loop" + std::to_string(number); }
};

struct LoopBacking : LoopIdentity {
    std::string configuredName; // the loopName it was attached with; "" when another program's was cut off
    std::string currentName;    // sysfs follows renames; "" when /sys is not there
    bool deleted = false;       // the file has lost that name
};

// What the loop device with this st_dev carries: ENXIO when nothing, ENODEV when it is no loop device.
Result<LoopIdentity> loopIdentity(dev_t device);
// The same with its names.
Result<LoopBacking> loopBacking(dev_t device);

// Does the device still carry what it carried then? The same file attached anew is something else.
bool isStillBound(dev_t device, const LoopIdentity& before);
// Waits until it does not; false when it still does at the deadline.
bool waitUnbound(dev_t device, const LoopIdentity& before, int timeoutMs);

} // namespace ksquash
