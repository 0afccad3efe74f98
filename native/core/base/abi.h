// Numbers of the kernel's interface that older headers lack (Debian 12 ships those of 6.1), and thin wrappers
// around the raw system calls. Raw, because the C library's own wrappers of the mount API came with
// glibc 2.36 and would raise the oldest system the add-on runs on. Leaves all meaning to its callers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x00001000U
#endif
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000U // 6.8
#endif
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x00002000 // 5.8
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000 // 5.14
#endif

namespace ksquash::abi {

// The same number on every architecture since 5.1 (the common table of new system calls).
inline constexpr long moveMountNr = 429;
inline constexpr long fsopenNr = 430;
inline constexpr long fsconfigNr = 431;
inline constexpr long fsmountNr = 432;
inline constexpr long openat2Nr = 437;
inline constexpr long statmountNr = 457;
inline constexpr long listmountNr = 458;

// umount2(2); <sys/mount.h> cannot stand beside <linux/mount.h> before glibc 2.37.
inline constexpr int mntDetach = 2;
inline constexpr int umountNofollow = 8;

// BLKGETDISKSEQ of <linux/fs.h>, 5.15.
inline constexpr unsigned long blkGetDiskSequence = _IOR(0x12, 128, uint64_t);

// statmount(2), include/uapi/linux/mount.h of 6.8.
inline constexpr uint64_t statmountSbBasic = 0x1;
inline constexpr uint64_t statmountMntBasic = 0x2;
inline constexpr uint64_t statmountMntPoint = 0x10;
inline constexpr uint64_t statmountFsType = 0x20;
inline constexpr uint64_t listmountRoot = ~uint64_t{0}; // LSMT_ROOT

struct MountIdRequest {
    uint32_t size;
    uint32_t spare;
    uint64_t mountId;
    uint64_t param;
};

struct StatmountHead {
    uint32_t size;
    uint32_t mountOptions;
    uint64_t mask;
    uint32_t deviceMajor;
    uint32_t deviceMinor;
    uint64_t magic;
    uint32_t superFlags;
    uint32_t fsType; // offset of the name in the strings that follow
    uint64_t mountId;
    uint64_t parentId;
    uint32_t mountIdOld;
    uint32_t parentIdOld;
    uint64_t attributes;
    uint64_t propagation;
    uint64_t peerGroup;
    uint64_t master;
    uint64_t propagateFrom;
    uint32_t mountRoot;
    uint32_t mountPoint;
    uint64_t spare[50];
};
static_assert(sizeof(StatmountHead) == 512, "struct statmount has 512 bytes before its strings");

inline int fsopen(const char* type, unsigned flags) {
    return static_cast<int>(syscall(fsopenNr, type, flags));
}
inline int fsconfig(int fd, unsigned command, const char* key, const void* value, int aux) {
    return static_cast<int>(syscall(fsconfigNr, fd, command, key, value, aux));
}
inline int fsmount(int fd, unsigned flags, unsigned attributes) {
    return static_cast<int>(syscall(fsmountNr, fd, flags, attributes));
}
inline int moveMount(int from, const char* fromPath, int to, const char* toPath, unsigned flags) {
    return static_cast<int>(syscall(moveMountNr, from, fromPath, to, toPath, flags));
}
inline int openat2(int dir, const char* path, const struct open_how* how) {
    return static_cast<int>(syscall(openat2Nr, dir, path, how, sizeof(*how)));
}
inline int statmount(const MountIdRequest* request, void* buffer, size_t size) {
    return static_cast<int>(syscall(statmountNr, request, buffer, size, 0));
}
inline int listmount(const MountIdRequest* request, uint64_t* ids, size_t count) {
    return static_cast<int>(syscall(listmountNr, request, ids, count, 0));
}
inline int mount(const char* source, const char* target, const char* type, unsigned long flags,
                 const char* data) {
    return static_cast<int>(syscall(SYS_mount, source, target, type, flags, data));
}
inline int umount2(const char* target, int flags) {
    return static_cast<int>(syscall(SYS_umount2, target, flags));
}

} // namespace ksquash::abi
