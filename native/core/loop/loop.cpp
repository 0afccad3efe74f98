// GET_FREE only peeks, so the device may be gone or taken at the next call: a bounded number of tries, and
// only for the errnos of such a race. LOOP_CONFIGURE is of 5.8; before that, SET_FD and SET_STATUS64.
#include "loop.h"
#include "../base/abi.h"

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

namespace ksquash {

namespace {

constexpr int maxTries = 64;
constexpr long long nodeWaitMs = 1000; // for udev to make the node and set its mode

bool isRace(int code) {
    return code == EBUSY || code == EAGAIN || code == ENXIO || code == ENODEV;
}
bool isUdevRace(int code) {
    return code == ENOENT || code == EACCES;
}

void fillInfo(struct loop_info64& info, const std::string& imagePath) {
    info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    std::string name = loopName(imagePath);
    memcpy(info.lo_file_name, name.c_str(), name.size() + 1);
}

// SET_FD takes the mode of the descriptors: read-only here. Until SET_STATUS64 there is no autoclear, so a
// failure between the two must clear the device, which is ours since SET_FD won it.
int configureInTwoSteps(int device, int image, const std::string& imagePath) {
    if (ioctl(device, LOOP_SET_FD, image) != 0) {
        return errno;
    }
    struct loop_info64 info {};
    fillInfo(info, imagePath);
    for (int i = 0; i < maxTries; ++i) {
        if (ioctl(device, LOOP_SET_STATUS64, &info) == 0) {
            return 0;
        }
        if (errno != EAGAIN) { // EAGAIN: pages of a former owner are still cached (5.0 to 5.7)
            break;
        }
        sleepMicros(1000);
    }
    int code = errno;
    ioctl(device, LOOP_CLR_FD, 0);
    return code;
}

// 0 or an errno. Nothing is bound after a failure.
int configure(int device, int image, uint64_t size, const std::string& imagePath) {
    struct loop_config config {};
    config.fd = static_cast<__u32>(image);
    // 4096 lets squashfs keep partly read blocks; the size must divide, or the tail would be cut off.
    config.block_size = size % 4096 == 0 ? 4096 : 0;
    fillInfo(config.info, imagePath);
    if (ioctl(device, LOOP_CONFIGURE, &config) == 0) {
        return 0;
    }
    // Older kernels say EINVAL, ENOTTY where the driver is not loop's own, and a filter may say ENOSYS.
    if (errno != EINVAL && errno != ENOTTY && errno != ENOSYS) {
        return errno;
    }
    int code = configureInTwoSteps(device, image, imagePath);
    if (code == 0 && config.block_size != 0) {
        // As above (4.14). Only a matter of speed: a kernel that refuses it serves the image as well.
        ioctl(device, LOOP_SET_BLOCK_SIZE, static_cast<unsigned long>(config.block_size));
    }
    return code;
}

Result<struct loop_info64> loopStatus(int device, const std::string& path) {
    struct loop_info64 info {};
    if (ioctl(device, LOOP_GET_STATUS64, &info) != 0) {
        return lastError("ioctl", path, "loop-status");
    }
    return info;
}

// One try: GET_FREE, open, LOOP_CONFIGURE.
Result<LoopDevice> attachOnce(int control, int image, uint64_t size, const std::string& imagePath) {
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0) {
        return lastError("ioctl", "/dev/loop-control", "loop-free");
    }
    LoopDevice loop;
    loop.number = static_cast<unsigned>(number);
    loop.fd.reset(open(loop.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!loop.fd) {
        return lastError("open", loop.path(), "loop-open");
    }
    auto stat = statAt(loop.fd.get(), "", loop.path());
    if (!stat) {
        return withStep(stat.error(), "loop-open");
    }
    if (!S_ISBLK(stat->mode) || major(stat->rdev) != loopMajor) {
        return makeError(ENOTBLK, "open", loop.path(), "loop-open", "this is not a loop device");
    }
    loop.rdev = stat->rdev;
    int code = configure(loop.fd.get(), image, size, imagePath);
    if (code != 0) {
        return makeError(code, "ioctl", loop.path(), "loop-configure", {});
    }
    return loop;
}

std::string explain(const SysError& error) {
    if (isUdevRace(error.code)) {
        return error.code == ENOENT
                   ? "the kernel has this device, but its node is missing (a container's /dev?)"
                   : "this process may not open it: root or CAP_DAC_READ_SEARCH is needed";
    }
    return isRace(error.code) ? "no free loop device could be had in " + std::to_string(maxTries) + " tries"
                              : "";
}

} // namespace

Result<LoopDevice> attachLoop(int control, int image, const std::string& imagePath) {
    auto wanted = statAt(image, "", imagePath);
    if (!wanted) {
        return withStep(wanted.error(), "loop-configure");
    }
    // The resolved name, so that a relative path or a link does not stay in the device's status.
    auto resolved = readLinkAt(AT_FDCWD, fdPath(image).c_str(), imagePath);
    const std::string& name = resolved ? *resolved : imagePath;
    long long started = nowMs();
    SysError last;
    auto seed = static_cast<unsigned>(started);
    for (int i = 0; i < maxTries; ++i) {
        auto loop = attachOnce(control, image, wanted->size, name);
        if (loop) {
            auto status = loopStatus(loop->fd.get(), loop->path());
            if (!status) {
                return status.error();
            }
            loop->file = FileKey{status->lo_device, status->lo_inode};
            if (loop->file != wanted->key) {
                return makeError(ESTALE, "ioctl", imagePath, "loop-status",
                                 "the device carries another file");
            }
            return loop;
        }
        last = loop.error();
        bool wait = isRace(last.code) || (isUdevRace(last.code) && nowMs() - started < nodeWaitMs);
        if (!wait) {
            break;
        }
        sleepMicros(200 + static_cast<unsigned>(rand_r(&seed)) % 20000U);
    }
    last.reason = explain(last);
    return last;
}

namespace {

// Asks the device itself; an error of opening it ("loop-open") leaves the question to sysfs.
Result<LoopBacking> askDevice(dev_t device) {
    LoopBacking out;
    out.number = minor(device);
    if (major(device) != loopMajor) {
        return makeError(ENODEV, "ioctl", {}, "loop-status", "not a loop device");
    }
    UniqueFd fd(open(out.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd) {
        return lastError("open", out.path(), "loop-open");
    }
    auto status = loopStatus(fd.get(), out.path());
    if (!status) {
        return status.error();
    }
    out.file = FileKey{status->lo_device, status->lo_inode};
    if (ioctl(fd.get(), abi::blkGetDiskSequence, &out.sequence) != 0) {
        out.sequence = 0;
    }
    const char* name = reinterpret_cast<const char*>(status->lo_file_name);
    size_t length = strnlen(name, LO_NAME_SIZE);
    out.configuredName = length < LO_NAME_SIZE - 1 ? std::string(name, length) : std::string();
    return out;
}

bool mayNotOpen(const SysError& error) {
    return error.step == std::string_view("loop-open");
}

} // namespace

// Other programs cut it off at 63, so a name of 63 bytes says nothing.
std::string loopName(const std::string& imagePath) {
    constexpr size_t most = LO_NAME_SIZE - 2;
    return imagePath.size() <= most ? imagePath : "*" + imagePath.substr(imagePath.size() - (most - 1));
}

Result<LoopIdentity> loopIdentity(dev_t device) {
    auto out = askDevice(device);
    if (!out && mayNotOpen(out.error())) {
        out = loopBacking(device);
    }
    return out ? Result<LoopIdentity>(static_cast<const LoopIdentity&>(*out)) : out.error();
}

Result<LoopBacking> loopBacking(dev_t device) {
    auto out = askDevice(device);
    if (!out && !mayNotOpen(out.error())) {
        return out;
    }
    std::string sysfs = "/sys/dev/block/" + std::to_string(major(device)) + ":" +
                        std::to_string(minor(device)) + "/loop/backing_file";
    auto name = readSmallFile(sysfs);
    if (!name || !name->ends_with('\n')) {
        return out;
    }
    name->pop_back();
    auto byName = statPath(*name, false);
    if (!out) {
        if (!byName) {
            return out;
        }
        out = LoopBacking{}; // without privilege the name is all there is
        out->number = minor(device);
        out->file = byName->key;
    }
    // A file may really be called "x (deleted)": what counts is whether the name still leads to it.
    out->deleted = !(byName && byName->key == out->file);
    out->currentName = std::move(*name);
    return out;
}

bool isStillBound(dev_t device, const LoopIdentity& before) {
    auto now = loopIdentity(device);
    return now && now->file == before.file && now->sequence == before.sequence;
}

bool waitUnbound(dev_t device, const LoopIdentity& before, int timeoutMs) {
    long long deadline = nowMs() + timeoutMs;
    while (isStillBound(device, before)) {
        if (nowMs() >= deadline) {
            return false;
        }
        sleepMicros(2000);
    }
    return true;
}

} // namespace ksquash
