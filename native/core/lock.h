// flock(2): a lock file of the caller's choice, and the one lock under every mount and umount, which is
// /dev/loop-control itself (root only, so no user can hang a privileged program; it also serialises the
// search for a free loop device). Bounded waits only. Lock files are never unlinked.
#pragma once

#include "control.h"

namespace ksquash {

// Takes LOCK_EX within `timeoutMs` (0: at once or not at all), else EWOULDBLOCK; ECANCELED when told to stop.
Status flockWithin(int fd, int timeoutMs, const std::string& path, const Control& control);
// Opens (makes: 0600) a lock file and locks it. The lock goes with the descriptor, so with the process too.
Result<UniqueFd> lockFile(const std::string& path, int timeoutMs);
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
