// GET_FREE only peeks, so the device may be gone or taken at the next call: a bounded number of tries, and
// only for the errnos of such a race. LOOP_CONFIGURE is of 5.8; before that, SET_FD and SET_STATUS64.
#include "loop.h"

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
    strncpy(reinterpret_cast<char*>(info.lo_file_name), imagePath.c_str(), LO_NAME_SIZE - 1);
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
    if (errno != EINVAL && errno != ENOTTY) {
        return errno;
    }
    return configureInTwoSteps(device, image, imagePath);
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
        return stat.error();
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
        return wanted.error();
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

Result<LoopBacking> loopBacking(dev_t device) {
    LoopBacking out;
    out.number = minor(device);
    if (major(device) != loopMajor) {
        return makeError(ENODEV, "ioctl", {}, "loop-status", "not a loop device");
    }
    std::string sysfs = "/sys/dev/block/" + std::to_string(major(device)) + ":" +
                        std::to_string(minor(device)) + "/loop/backing_file";
    if (auto name = readSmallFile(sysfs); name && name->ends_with('\n')) {
        out.currentName = name->substr(0, name->size() - 1);
    }
    auto byName = out.currentName.empty() ? Result<FileStat>(SysError{}) : statPath(out.currentName, false);
    UniqueFd fd(open(out.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (fd) {
        auto status = loopStatus(fd.get(), out.path());
        if (!status) {
            return status.error();
        }
        out.file = FileKey{status->lo_device, status->lo_inode};
        std::string name(reinterpret_cast<const char*>(status->lo_file_name),
                         strnlen(reinterpret_cast<const char*>(status->lo_file_name), LO_NAME_SIZE));
        out.configuredName = name.size() < LO_NAME_SIZE - 1 ? name : std::string();
    } else if (byName) {
        out.file = byName->key; // without privilege the name is all there is
    } else {
        return lastError("open", out.path(), "loop-status");
    }
    // A file may really be called "x (deleted)": what counts is whether the name still leads to it.
    out.deleted = !out.currentName.empty() && !(byName && byName->key == out.file);
    return out;
}

bool waitUnbound(dev_t device, const FileKey& file, int timeoutMs) {
    long long deadline = nowMs() + timeoutMs;
    for (;;) {
        auto backing = loopBacking(device);
        if (!backing || backing->file != file) {
            return true;
        }
        if (nowMs() >= deadline) {
            return false;
        }
        sleepMicros(2000);
    }
}

} // namespace ksquash
