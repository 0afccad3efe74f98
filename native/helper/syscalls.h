// Every system call that the helper makes once it is made safe, with what its arguments may be. The filter of
// seccomp is made of this list; the test of its traces keeps it complete, and the first part free of what is
// not needed. A filter cannot read memory: what openat2, fsconfig and connect are given there stays unseen.
#pragma once

#include "../core/base/abi.h"

#include <array>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

namespace ksquash::helper {

struct Allowed {
    long number;
    // (argument & mask) must be one of the first `count` values; no mask: any arguments.
    unsigned argument = 0;
    uint32_t mask = 0;
    size_t count = 1;
    std::array<uint32_t, 8> values{};
};

constexpr uint32_t whole = ~uint32_t{0};
// Not O_ACCMODE: musl counts O_PATH among its bits.
constexpr uint32_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;

constexpr Allowed allowedCalls[] = {
    // Who calls, and the capabilities.
    {SYS_getuid},
    {SYS_getgid},
    {SYS_getgroups},
    {SYS_capset},
    {SYS_prctl, 0, whole, 1, {PR_CAPBSET_READ}},
    {SYS_getxattr},
    {SYS_statfs},
    {SYS_fstatfs},
    // Policy, places and images: nothing is written, and one directory made (boot).
    {abi::openat2Nr},
    {SYS_openat, 2, writing, 1, {O_RDONLY}},
    {SYS_statx},
    {SYS_readlinkat},
    {SYS_getdents64},
    {SYS_pread64},
    {SYS_read},
    {SYS_mkdirat},
    {SYS_close},
    // Loop devices and mounts.
    {SYS_flock},
    {SYS_ioctl,
     1,
     whole,
     8,
     {LOOP_CTL_GET_FREE, LOOP_CONFIGURE, LOOP_SET_FD, LOOP_SET_STATUS64, LOOP_SET_BLOCK_SIZE, LOOP_CLR_FD,
      LOOP_GET_STATUS64, abi::blkGetDiskSequence}},
    {abi::fsopenNr},
    {abi::fsconfigNr},
    {abi::fsmountNr},
    {abi::moveMountNr},
    // MNT_DETACH: our own new mount by its descriptor, where another came in before it.
    {SYS_umount2, 1, whole, 2, {abi::umountNofollow, abi::mntDetach}},
    // The answer and the log.
    {SYS_write},
    {SYS_socket, 0, whole, 1, {AF_UNIX}},
    {SYS_connect},
    {SYS_sendto},
    {SYS_getpid},
    {SYS_exit_group},

    // Not seen in every trace. The C library's memory and time, glibc's and musl's.
    {SYS_brk},
    {SYS_clock_nanosleep},
    // A sleep that was stopped is resumed by the kernel in this process's name.
    {SYS_restart_syscall},
    // For large answers.
    {SYS_mmap, 2, PROT_EXEC},
    {SYS_munmap},
    {SYS_mremap},
    // Where the vDSO has no clock, and what musl and older glibc call for the same ends.
    {SYS_clock_gettime},
    {SYS_gettimeofday},
    {SYS_nanosleep},
    {SYS_newfstatat},
    {SYS_fstat},
    {SYS_lseek},
    {abi::statmountNr},
    // For the reason when the kernel refuses fsopen.
    {SYS_capget},
    {SYS_fcntl, 1, whole, 1, {F_SETFD}},
    {SYS_writev},
    {SYS_getrandom},
    {SYS_madvise},
    {SYS_mprotect, 2, PROT_EXEC},
#ifdef __x86_64__
    {SYS_open, 1, writing, 1, {O_RDONLY}},
    {SYS_readlink},
    {SYS_stat},
    {SYS_lstat},
    {SYS_time},
#endif
};

} // namespace ksquash::helper
