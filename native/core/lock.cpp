// A blocking flock cannot be bounded without a signal, so it is tried, with growing pauses.
#include "lock.h"
#include "file.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/file.h>

namespace ksquash {

namespace {
constexpr int controlWaitMs = 10'000;
constexpr const char* controlPath = "/dev/loop-control";
} // namespace

Status flockWithin(int fd, int timeoutMs, const std::string& path) {
    long long deadline = nowMs() + timeoutMs;
    unsigned pause = 200;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return lastError("flock", path, "lock");
        }
        if (nowMs() >= deadline) {
            return makeError(EWOULDBLOCK, "flock", path, "lock", "another process holds the lock");
        }
        sleepMicros(pause);
        pause = std::min(pause * 2, 5000U);
    }
    return Done{};
}

Result<UniqueFd> lockFile(const std::string& path, int timeoutMs) {
    // O_NONBLOCK against a FIFO at this name; O_NOFOLLOW against a link that someone else planted.
    UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600));
    if (!fd) {
        return lastError("open", path, "lock");
    }
    auto stat = statAt(fd.get(), "", path);
    if (!stat) {
        return stat.error();
    }
    if (!stat->isRegular()) {
        return makeError(EINVAL, "open", path, "lock", "the lock file is not a regular file");
    }
    auto locked = flockWithin(fd.get(), timeoutMs, path);
    if (!locked) {
        return locked.error();
    }
    return fd;
}

Result<UniqueFd> lockLoopControl() {
    UniqueFd fd(open(controlPath, O_RDONLY | O_CLOEXEC));
    if (!fd) {
        SysError error = lastError("open", controlPath, "lock");
        if (error.code == ENOENT || error.code == ENXIO || error.code == ENODEV) {
            error.reason =
                "there is no loop driver here (CONFIG_BLK_DEV_LOOP, or a container without /dev nodes)";
        } else if (error.code == EACCES || error.code == EPERM) {
            error.reason = "this process may not open it: root or CAP_DAC_READ_SEARCH is needed";
        }
        return error;
    }
    auto locked = flockWithin(fd.get(), controlWaitMs, controlPath);
    if (!locked) {
        if (locked.error().code == EWOULDBLOCK) {
            return makeError(EBUSY, "flock", controlPath, "lock",
                             "another process has held the loop devices' lock for ten seconds");
        }
        return locked.error();
    }
    return fd;
}

} // namespace ksquash
