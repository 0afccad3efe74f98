// flock(2): a lock file of the caller's choice, and the one lock under every mount and umount, which is
// /dev/loop-control itself (root only, so no user can hang a privileged program; it also serialises the
// search for a free loop device). Bounded waits only.
#pragma once

#include "../base/control.h"

namespace ksquash {

// Takes LOCK_EX within `timeoutMs` (0: at once or not at all), else EWOULDBLOCK; ECANCELED when told to stop.
Status flockWithin(int fd, int timeoutMs, const std::string& path, const Control& control);
// A held lock file, which goes when it is given back. With a killed process only the lock goes; the next
// holder removes the file.
class FileLock {
  public:
    FileLock(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
    FileLock(FileLock&&) noexcept = default;
    FileLock& operator=(FileLock&&) = delete;
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;
    ~FileLock() { release(); }
    void release();

  private:
    UniqueFd fd_; // none: released
    std::string path_;
};

// Opens (makes: 0600) a lock file and locks it at once; EWOULDBLOCK when another holds it.
Result<FileLock> lockFile(const std::string& path);
// The lock under every mount and umount. Threads of one process take turns first, without polling; then the
// processes do.
class ControlLock {
  public:
    explicit ControlLock(UniqueFd fd) : fd_(std::move(fd)) {}
    ControlLock(ControlLock&& other) noexcept : fd_(std::move(other.fd_)) {}
    ControlLock& operator=(ControlLock&&) = delete;
    ControlLock(const ControlLock&) = delete;
    ControlLock& operator=(const ControlLock&) = delete;
    ~ControlLock() { release(); }
    // /dev/loop-control itself.
    int fd() const { return fd_.get(); }
    void release();

  private:
    UniqueFd fd_; // none: released
};

// EBUSY with a reason after ten seconds; ECANCELED when told to stop waiting.
Result<ControlLock> lockLoopControl(const Control& control);
// Its parts, for the helper, which opens it with a capability that it does not hold while it waits.
Result<UniqueFd> openLoopControl();
Status waitForLoopControl(int fd);

} // namespace ksquash
