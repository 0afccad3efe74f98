// capset(2), and the five reasons for which the kernel ignores a file's capabilities.
#include "privilege.h"
#include "../core/base/capabilities.h"
#include "../core/base/file.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace ksquash::helper {

namespace {

uint32_t bit(Capability capability) {
    return uint32_t{1} << static_cast<unsigned>(capability);
}

uint32_t permitted = 0;
bool hadNoNewPrivileges = false; // before seccomp's filter made it so

// Both capabilities have numbers below 32: the second half stays empty.
bool set(uint32_t effective) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {{effective, permitted, 0}, {0, 0, 0}};
    return syscall(SYS_capset, &header, data) == 0;
}

// A process that cannot give privilege back must not go on.
void setOrDie(uint32_t effective) {
    int saved = errno;
    if (!set(effective)) {
        _exit(77);
    }
    errno = saved;
}

bool isTraced() {
    auto text = readSmallFile("/proc/self/status");
    size_t at = text ? text->find("\nTracerPid:\t") : std::string::npos;
    return at != std::string::npos && (*text)[at + 12] != '0';
}

std::string whyMissing(Capability capability) {
    if (inUserNamespace()) {
        return "this process is in a user namespace";
    }
    if (prctl(PR_CAPBSET_READ, static_cast<unsigned>(capability), 0, 0, 0) == 0) {
        return "it is not in the bounding set of this process";
    }
    if (getxattr("/proc/self/exe", "security.capability", nullptr, 0) < 0) {
        return "the file has no capabilities (ksquash helper install sets them)";
    }
    if (hadNoNewPrivileges) {
        return "this process has no_new_privs";
    }
    struct statvfs where {};
    if (statvfs("/proc/self/exe", &where) == 0 && (where.f_flag & ST_NOSUID) != 0) {
        return "the file lies on a file system mounted nosuid";
    }
    return isTraced() ? "this process is traced" : "the kernel withholds it";
}

} // namespace

bool beginUnprivileged() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    if (syscall(SYS_capget, &header, data) != 0) {
        return false;
    }
    hadNoNewPrivileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    permitted = data[0].permitted & (bit(Capability::readSearch) | bit(Capability::sysAdmin));
    return set(0); // an empty inheritable set empties the ambient one
}

ScopedCapability::ScopedCapability(Capability capability) {
    setOrDie(permitted & bit(capability));
}

ScopedCapability::~ScopedCapability() {
    setOrDie(0);
}

void forget(Capability capability) {
    permitted &= ~bit(capability);
    setOrDie(0);
}

std::string missingPrivilege() {
    for (auto [capability, name] : {std::pair{Capability::sysAdmin, "CAP_SYS_ADMIN"},
                                    {Capability::readSearch, "CAP_DAC_READ_SEARCH"}}) {
        if ((permitted & bit(capability)) == 0) {
            return std::string(name) + " is missing: " + whyMissing(capability);
        }
    }
    return {};
}

} // namespace ksquash::helper
