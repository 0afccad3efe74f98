// mount(2) takes paths only and tells nothing but an errno.
#include "mount_legacy.h"
#include "../base/abi.h"
#include "../table/mount_facts.h"
#include "../table/mountinfo.h"
#include "../tree/directory.h"
#include "detached.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

namespace ksquash {

namespace {

bool isOfDevice(const Result<FileStat>& stat, dev_t device) {
    return stat && stat->mountRoot && stat->key.dev == device;
}

// Takes our own new mount away again, wherever it stands by now: its directory may have been renamed. Lazily,
// since whoever has looked into it meanwhile must not make it stay.
void takeBack(const ParentAndName& place, dev_t device) {
    constexpr int flags = abi::umountNofollow | abi::mntDetach;
    if (isOfDevice(statAt(place.parent.get(), place.name.c_str(), ""), device)) {
        abi::umount2(fdPath(place.parent.get(), place.name).c_str(), flags);
        return;
    }
    auto rows = readMountinfo();
    if (!rows) {
        return;
    }
    for (const MountRow& row : *rows) {
        if (makedev(row.deviceMajor, row.deviceMinor) == device &&
            isOfDevice(statPath(row.target, false), device)) {
            abi::umount2(row.target.c_str(), flags);
        }
    }
}

// Is the visible mount on the target ours, directly on the directory that was checked, and readable?
Result<uint64_t> check(const ParentAndName& place, int below, dev_t device, const std::string& target,
                       const std::string& image) {
    UniqueFd top(openat(place.parent.get(), place.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!top) {
        return lastError("open", target, "move");
    }
    auto stat = statAt(top.get(), "", target);
    if (!stat) {
        return withStep(stat.error(), "move");
    }
    auto stands = isMountedOn(top.get(), below);
    if (!stands) {
        return stands.error();
    }
    if (!isOfDevice(stat, device) || !*stands) {
        return makeError(EBUSY, "mount", target, "move", "something else was mounted here meanwhile");
    }
    auto read = readThrough(top.get(), device, image);
    if (!read) {
        return read.error();
    }
    return stat->mountId != 0 ? stat->mountId : tableMountId(top.get());
}

} // namespace

Result<uint64_t> mountLegacy(const LoopDevice& loop, const MountOptions& options, int below,
                             const std::string& target, const std::string& image) {
    auto place = openParent(target);
    if (!place) {
        return withStep(place.error(), "target");
    }
    std::string data = options.data();
    if (abi::mount(loop.path().c_str(), fdPath(below).c_str(), options.type, options.flags,
                   data.empty() ? nullptr : data.c_str()) != 0) {
        SysError error = lastError("mount", image, "mount");
        explainMount(error, options.type);
        return error;
    }
    auto id = check(*place, below, loop.rdev, target, image);
    if (!id) {
        takeBack(*place, loop.rdev);
    }
    return id;
}

} // namespace ksquash
