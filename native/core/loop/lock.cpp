// A blocking flock cannot be bounded without a signal, so it is tried, with growing pauses.
#include "lock.h"
#include "../base/file.h"

#include <algorithm>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>

namespace ksquash {

namespace {
constexpr int controlWaitMs = 10'000;
constexpr int lockTries = 100;
constexpr int leastWaitMs = 100; // for who has waited its time in a queue before this
constexpr const char* controlPath = "/dev/loop-control";
} // namespace

Status flockWithin(int fd, int timeoutMs, const std::string& path, const Control& control) {
    long long deadline = nowMs() + timeoutMs;
    unsigned pause = 200;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return lastError("flock", path, "lock");
        }
        if (control.cancelled()) {
            return Control::cancelError();
        }
        if (nowMs() >= deadline) {
            return makeError(EWOULDBLOCK, "flock", path, "lock", "another process holds the lock");
        }
        sleepMicros(pause);
        pause = std::min(pause * 2, 5000U);
    }
    return Done{};
}

namespace {

// Does the name still lead to the file that is open?
bool isNamed(const std::string& path, const FileStat& own) {
    auto now = statPath(path, false);
    return now && now->key == own.key;
}

} // namespace

void FileLock::release() {
    if (!fd_) {
        return;
    }
    // While it is held: who waits for this file finds the name gone, and begins anew with another.
    auto own = statAt(fd_.get(), "", path_);
    if (own && isNamed(path_, *own)) {
        unlink(path_.c_str());
    }
    fd_.reset();
}

Result<FileLock> lockFile(const std::string& path) {
    // A file that its holder removed between open and flock is nobody's lock; another try makes a new
    // one.
    for (int i = 0; i < lockTries; ++i) {
        // O_NONBLOCK against a FIFO at this name; O_NOFOLLOW against a link that someone else planted.
        int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
        UniqueFd fd(open(path.c_str(), flags, 0600));
        if (!fd) {
            return lastError("open", path, "lock");
        }
        auto stat = statAt(fd.get(), "", path);
        if (!stat) {
            return withStep(stat.error(), "lock");
        }
        if (!stat->isRegular()) {
            return makeError(EINVAL, "open", path, "lock", "the lock file is not a regular file");
        }
        auto locked = flockWithin(fd.get(), 0, path, Control());
        if (!locked) {
            return locked.error();
        }
        if (isNamed(path, *stat)) {
            return FileLock(std::move(fd), path);
        }
    }
    return makeError(EWOULDBLOCK, "flock", path, "lock", "others take and give this lock all the time");
}

namespace {

// One thread at a time. By pthread calls, since std::condition_variable's timed wait needs glibc 2.30.
class FairMutex {
  public:
    FairMutex() {
        pthread_condattr_t attributes;
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&free_, &attributes);
        pthread_condattr_destroy(&attributes);
    }

    // Within the time left; a thread that is told to stop is asleep for 20 ms at most.
    Status lock(long long deadline, const Control& control) {
        pthread_mutex_lock(&mutex_);
        while (taken_ && nowMs() < deadline && !control.cancelled()) {
            long long until = nowMicros() + 20'000;
            timespec time{static_cast<time_t>(until / 1'000'000), until % 1'000'000 * 1000};
            pthread_cond_timedwait(&free_, &mutex_, &time);
        }
        bool mine = !taken_;
        taken_ = true;
        pthread_mutex_unlock(&mutex_);
        if (mine) {
            return Done{};
        }
        return control.cancelled() ? Control::cancelError()
                                   : makeError(EWOULDBLOCK, "flock", controlPath, "lock", "");
    }

    void unlock() {
        pthread_mutex_lock(&mutex_);
        taken_ = false;
        pthread_cond_signal(&free_);
        pthread_mutex_unlock(&mutex_);
    }

  private:
    pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t free_{};
    bool taken_ = false;
};

FairMutex& loopControlMutex() {
    static FairMutex instance;
    return instance;
}

} // namespace

Result<UniqueFd> openLoopControl() {
    UniqueFd fd(open(controlPath, O_RDONLY | O_CLOEXEC));
    if (fd) {
        return fd;
    }
    SysError error = lastError("open", controlPath, "lock");
    if (error.code == ENOENT || error.code == ENXIO || error.code == ENODEV) {
        error.reason =
            "there is no loop driver here (CONFIG_BLK_DEV_LOOP, or a container without /dev nodes)";
    } else if (error.code == EACCES || error.code == EPERM) {
        error.reason = "this process may not open it: root or CAP_DAC_READ_SEARCH is needed";
    }
    return error;
}

namespace {

SysError makeLockError(const SysError& error) {
    return error.code != EWOULDBLOCK
               ? error
               : makeError(EBUSY, "flock", controlPath, "lock",
                           "another process has held the loop devices' lock for ten seconds");
}

} // namespace

Status waitForLoopControl(int fd) {
    auto locked = flockWithin(fd, controlWaitMs, controlPath, Control());
    return locked ? locked : Status(makeLockError(locked.error()));
}

void ControlLock::release() {
    if (fd_) {
        fd_.reset();
        loopControlMutex().unlock();
    }
}

Result<ControlLock> lockLoopControl(const Control& control) {
    auto fd = openLoopControl();
    if (!fd) {
        return fd.error();
    }
    long long deadline = std::max(control.asked() + controlWaitMs, nowMs() + leastWaitMs);
    auto mine = loopControlMutex().lock(deadline, control);
    if (!mine) {
        return makeLockError(mine.error());
    }
    auto left = static_cast<int>(std::max(0LL, deadline - nowMs()));
    auto locked = flockWithin(fd->get(), left, controlPath, control);
    if (!locked) {
        loopControlMutex().unlock();
        return makeLockError(locked.error());
    }
    return ControlLock(std::move(*fd));
}

} // namespace ksquash
