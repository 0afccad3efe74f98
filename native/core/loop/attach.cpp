// While our descriptor is open nobody can exchange what the device carries: another's LOOP_CLR_FD then only
// sets autoclear (loop(4)). So what was checked is what is detached.
#include "attach.h"
#include "../image/superblock.h"
#include "../table/mountinfo.h"
#include "lock.h"
#include "loop.h"

#include <charconv>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

namespace ksquash {

namespace {

constexpr int unboundWaitMs = 500;

// "/dev/loop3" is 3; nothing else is a device of ours.
std::optional<unsigned> deviceNumber(std::string_view path) {
    constexpr std::string_view prefix = "/dev/loop";
    if (!path.starts_with(prefix)) {
        return std::nullopt;
    }
    unsigned number = 0;
    const char* end = path.data() + path.size();
    auto parsed = std::from_chars(path.data() + prefix.size(), end, number);
    bool whole = parsed.ec == std::errc{} && parsed.ptr == end;
    return whole && path == std::string(prefix) + std::to_string(number) ? std::optional(number)
                                                                         : std::nullopt;
}

// The device was attached with autoclear, so that nothing stays behind up to here; now it is to stay.
Status keepAttached(const LoopDevice& loop) {
    struct loop_info64 info {};
    if (ioctl(loop.fd.get(), LOOP_GET_STATUS64, &info) != 0) {
        return lastError("ioctl", loop.path(), "loop-status");
    }
    info.lo_flags &= ~static_cast<__u32>(LO_FLAGS_AUTOCLEAR);
    if (ioctl(loop.fd.get(), LOOP_SET_STATUS64, &info) != 0) {
        return lastError("ioctl", loop.path(), "loop-keep");
    }
    return Done{};
}

Status checkUnmounted(dev_t device, const std::string& path) {
    auto rows = readMountinfo();
    if (!rows) {
        return withStep(rows.error(), "target");
    }
    for (const MountRow& row : *rows) {
        if (makedev(row.deviceMajor, row.deviceMinor) == device) {
            return makeError(EBUSY, "ioctl", path, "target", "it is mounted at " + escapePath(row.target));
        }
    }
    return Done{};
}

// LOOP_CLR_FD answers 0 also where it only marks the device: LOOP_GET_STATUS64 tells what has become of it.
Status clearDevice(dev_t device, const FileKey& file, const std::string& path) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd) {
        return lastError("open", path, "loop-open");
    }
    auto stat = statAt(fd.get(), "", path);
    if (!stat) {
        return withStep(stat.error(), "loop-open");
    }
    if (!S_ISBLK(stat->mode) || stat->rdev != device) {
        return makeError(ENOTBLK, "open", path, "loop-open", "this is not a loop device");
    }
    struct loop_info64 info {};
    if (ioctl(fd.get(), LOOP_GET_STATUS64, &info) != 0) {
        return lastError("ioctl", path, "loop-status");
    }
    if (FileKey{info.lo_device, info.lo_inode} != file) {
        return makeError(ESTALE, "ioctl", path, "loop-status", "the device carries another file");
    }
    if (ioctl(fd.get(), LOOP_CLR_FD, 0) != 0) {
        return lastError("ioctl", path, "loop-clear");
    }
    return Done{};
}

} // namespace

Result<AttachResult> attachImage(const std::string& image, const std::optional<FileKey>& expect,
                                 const Control& control) {
    auto file = openImage(image);
    if (!file) {
        return file.error();
    }
    auto info = inspectImage(file->get(), image);
    if (!info) {
        return withStep(info.error(), "image");
    }
    if (expect && *expect != info->file) {
        return makeError(ESTALE, "open", image, "image", "the image is no longer the file that was meant");
    }
    auto lock = lockLoopControl(control);
    if (!lock) {
        return lock.error();
    }
    auto loop = attachLoop(lock->fd(), file->get(), image);
    if (!loop) {
        return loop.error();
    }
    auto kept = keepAttached(*loop);
    if (!kept) {
        return kept.error();
    }
    return AttachResult{loop->path(), loop->file};
}

Result<DetachResult> detachImage(const std::string& device, const FileKey& file, const Control& control) {
    auto number = deviceNumber(device);
    if (!number) {
        return makeError(ENODEV, "open", device, "loop-open", "this is not a loop device");
    }
    auto lock = lockLoopControl(control);
    if (!lock) {
        return lock.error();
    }
    dev_t rdev = makedev(loopMajor, *number);
    auto unmounted = checkUnmounted(rdev, device);
    if (!unmounted) {
        return unmounted.error();
    }
    auto before = loopIdentity(rdev);
    auto cleared = clearDevice(rdev, file, device);
    if (!cleared) {
        return cleared.error();
    }
    DetachResult out;
    out.stillHeld = before && isStillBound(rdev, *before);
    lock->release();
    if (out.stillHeld) {
        out.stillHeld = !waitUnbound(rdev, *before, unboundWaitMs);
    }
    return out;
}

} // namespace ksquash
