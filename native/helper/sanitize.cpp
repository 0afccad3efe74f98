// Nothing of the caller's stays but its identity and what stands behind descriptors 0 to 2.
#include "sanitize.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ksquash::helper {

namespace {

// A file opened later must not get the number of stdout.
bool holdStandardDescriptors() {
    for (int fd = 0; fd <= 2; ++fd) {
        bool there = fcntl(fd, F_GETFD) >= 0 || errno != EBADF;
        if (!there && open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd) {
            return false;
        }
    }
    return syscall(SYS_close_range, 3U, ~0U, 0U) == 0; // 5.9
}

// The caller may lower these while we run: that ends in a failed call, never in a half-done one.
void raiseLimits() {
    const int both[] = {RLIMIT_NOFILE, RLIMIT_FSIZE};
    for (int limit : both) {
        struct rlimit values {};
        if (getrlimit(limit, &values) == 0) {
            values.rlim_cur = values.rlim_max;
            setrlimit(limit, &values);
        }
    }
    struct rlimit none {};
    setrlimit(RLIMIT_CORE, &none);
}

void resetSignals() {
    alarm(0);
    for (int number = 1; number < NSIG; ++number) {
        signal(number, number == SIGPIPE || number == SIGXFSZ ? SIG_IGN : SIG_DFL);
    }
    sigset_t all;
    sigemptyset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
}

} // namespace

bool sanitize() {
    clearenv();
    setenv("TZ", ":", 1); // UTC, or glibc's syslog(3) would read /etc/localtime
    umask(022);
    raiseLimits();
    resetSignals();
    bool quiet = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
    return holdStandardDescriptors() && chdir("/") == 0 && quiet;
}

} // namespace ksquash::helper
