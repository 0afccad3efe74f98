// For tests only: confines itself as the helper does, then makes the one call that is named. Ends with 0
// where the kernel lets it be made, whatever comes of it.
//   g++ -std=c++20 native/testing/confined.cpp native/helper/seccomp.cpp -o confined
#include "../helper/seccomp.h"

#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

struct Call {
    const char* name;
    void (*make)();
};

char* nothing[] = {nullptr};

const Call calls[] = {
    {"getuid", [] { (void)getuid(); }},
    {"open", [] { (void)open("/dev/null", O_RDONLY); }},
    {"socket-unix", [] { (void)socket(AF_UNIX, SOCK_DGRAM, 0); }},
    {"map", [] { (void)mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }},
    {"protect", [] { (void)mprotect(nullptr, 4096, PROT_READ); }},
    {"umount-nofollow", [] { (void)umount2("/nonexistent", UMOUNT_NOFOLLOW); }},
    {"execve", [] { execve("/bin/true", nothing, nothing); }},
    {"fork", [] { (void)syscall(SYS_clone, 0, nullptr, nullptr, nullptr, nullptr); }},
    {"open-write", [] { (void)open("/dev/null", O_WRONLY); }},
    {"open-create", [] { (void)open("/nonexistent/file", O_RDONLY | O_CREAT, 0600); }},
    {"unlink", [] { (void)unlinkat(AT_FDCWD, "/nonexistent", 0); }},
    {"rename", [] { (void)renameat(AT_FDCWD, "/nonexistent", AT_FDCWD, "/nonexistent2"); }},
    {"socket-inet", [] { (void)socket(AF_INET, SOCK_STREAM, 0); }},
    {"map-executable",
     [] { (void)mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }},
    {"protect-executable", [] { (void)mprotect(nullptr, 4096, PROT_READ | PROT_EXEC); }},
    {"ioctl-terminal", [] { (void)ioctl(0, 0x5412, "x"); }}, // TIOCSTI
    {"umount-detach", [] { (void)umount2("/nonexistent", MNT_DETACH); }},
    {"umount-force", [] { (void)umount2("/nonexistent", MNT_FORCE); }},
    {"mount", [] { (void)mount("none", "/nonexistent", "tmpfs", 0, nullptr); }},
    {"setuid", [] { (void)setuid(getuid()); }},
    {"unshare", [] { (void)unshare(0); }},
    {"prctl", [] { (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }},
#ifdef __x86_64__
    {"x32", [] { (void)syscall(0x40000000 + SYS_getuid); }},
#endif
};

} // namespace

int main(int count, char** words) {
    if (count < 2) {
        for (const Call& call : calls) {
            puts(call.name);
        }
        return 0;
    }
    for (const Call& call : calls) {
        if (strcmp(call.name, words[1]) == 0) {
            if (!ksquash::helper::confine()) {
                _exit(70);
            }
            call.make();
            _exit(0);
        }
    }
    return 64;
}
