// Each probe is a call that must fail: ENOSYS (or seccomp's EPERM) says "not here", EBADF and friends say
// "here".
#include "capabilities.h"
#include "abi.h"
#include "file.h"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

namespace ksquash {

namespace {

bool inSet(const __user_cap_data_struct* data, unsigned capability) {
    return (data[capability / 32].effective >> (capability % 32) & 1U) != 0;
}

// Loads the module too where this process may (fsopen(2) asks for it), so that "no" means no.
bool hasFilesystem(const char* type, bool privileged) {
    if (privileged) {
        UniqueFd fd(abi::fsopen(type, 1));
        if (fd) {
            return true;
        }
    }
    auto text = readSmallFile("/proc/filesystems");
    return text && text->find(std::string("\t") + type + "\n") != std::string::npos;
}

bool kernelAtLeast(const char* release, long wantMajor, long wantMinor) {
    char* rest = nullptr;
    long majorVersion = strtol(release, &rest, 10);
    long minorVersion = *rest == '.' ? strtol(rest + 1, nullptr, 10) : 0;
    return majorVersion > wantMajor || (majorVersion == wantMajor && minorVersion >= wantMinor);
}

bool hasLoopConfigure(const char* release) {
    UniqueFd fd(open("/dev/loop0", O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) {
        return kernelAtLeast(release, 5, 8);
    }
    struct loop_config config {};
    config.fd = static_cast<__u32>(-1); // EBADF before anything else is looked at (loop_configure)
    return ioctl(fd.get(), LOOP_CONFIGURE, &config) != 0 && errno == EBADF;
}

std::string namespaceOf(const char* link) {
    auto target = readLinkAt(AT_FDCWD, link, link);
    return target ? *target : std::string();
}

} // namespace

Capabilities effectiveCapabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    Capabilities out;
    if (syscall(SYS_capget, &header, data) != 0) {
        return out;
    }
    out.sysAdmin = inSet(data, CAP_SYS_ADMIN);
    out.dacReadSearch = inSet(data, CAP_DAC_READ_SEARCH);
    out.dacOverride = inSet(data, CAP_DAC_OVERRIDE);
    out.chown = inSet(data, CAP_CHOWN);
    return out;
}

bool inUserNamespace() {
    constexpr ino_t first = 0xEFFFFFFD; // PROC_USER_INIT_INO, include/linux/proc_ns.h
    auto space = statPath("/proc/self/ns/user", true);
    return !space || space->key.ino != first;
}

Probe probe() {
    Probe out;
    struct utsname name {};
    uname(&name);
    out.kernel = name.release;
    out.capabilities = effectiveCapabilities();
    UniqueFd control(open("/dev/loop-control", O_RDONLY | O_CLOEXEC));
    out.loopControlErrno = control ? 0 : errno;
    out.squashfs = hasFilesystem("squashfs", out.capabilities.sysAdmin);
    out.erofs = hasFilesystem("erofs", out.capabilities.sysAdmin);
    struct open_how how {};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT;
    UniqueFd root(abi::openat2(AT_FDCWD, "/", &how));
    out.openat2 = static_cast<bool>(root);
    out.loopConfigure = hasLoopConfigure(name.release);
    out.mountApi = abi::fsconfig(-1, 0, nullptr, nullptr, 0) != 0 && errno != ENOSYS && errno != EPERM;
    out.statmount = abi::statmount(nullptr, nullptr, 0) != 0 && errno != ENOSYS && errno != EPERM;
    constexpr unsigned exchange = 2; // RENAME_EXCHANGE
    long renamed = syscall(SYS_renameat2, AT_FDCWD, "", AT_FDCWD, "", exchange);
    out.renameExchange = renamed != 0 && errno == ENOENT;
    out.noNewPrivs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    std::string own = namespaceOf("/proc/self/ns/mnt");
    out.initialMountNamespace = !own.empty() && own == namespaceOf("/proc/1/ns/mnt");
    out.inUserNamespace = inUserNamespace();
    return out;
}

} // namespace ksquash
