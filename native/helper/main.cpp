// ksquash-helper [--json] mount|umount|status NAME · boot · unboot · status · --version
// Made safe first, then the arguments, then the policy, then the work. Leaves each of these to its own file.
#include "../core/base/capabilities.h"
#include "arguments.h"
#include "boot.h"
#include "privilege.h"
#include "sanitize.h"
#include "seccomp.h"
#include "status.h"
#include "verbs.h"

#include <cerrno>
#include <syslog.h>
#include <unistd.h>

#ifndef KSQUASH_VERSION
#error "KSQUASH_VERSION comes from package.json by the build"
#endif

namespace ksquash::helper {

namespace {

constexpr const char* policyPath = "/etc/ksquash/helper.conf";
constexpr size_t maxGroups = 65536; // NGROUPS_MAX

// Static: no input makes the heap grow.
char policyText[maxPolicySize + 1];
gid_t groupIds[maxGroups + 1];
Policy policy;

Caller whoCalls() {
    int count = getgroups(static_cast<int>(maxGroups), groupIds);
    size_t all = count < 0 ? 0 : static_cast<size_t>(count);
    groupIds[all++] = getgid();
    return Caller{getuid(), {groupIds, all}};
}

// Nothing when the policy is good; else the outcome to end with.
std::optional<Outcome> loadPolicy() {
    auto size = readPolicy(policyPath, policyText);
    if (!size) {
        const SysError& error = size.error();
        // A policy that others can write is unsafe, and everybody may know it; none at all permits nothing.
        bool unsafe = error.step == std::string_view("place") && error.code == EPERM;
        if (unsafe || error.code == ELOOP) {
            std::string why = unsafe ? error.reason : "is a symbolic link";
            return failure(exitData, "the policy is unsafe: " + error.path + " " + why);
        }
        return refusal("", error);
    }
    PolicyError wrong = parsePolicy({policyText, *size}, policy);
    if (wrong.reason == nullptr) {
        return std::nullopt;
    }
    std::string line = wrong.line == 0 ? "" : ", line " + std::to_string(wrong.line);
    return failure(exitData, std::string(policyPath) + line + ": " + wrong.reason);
}

Outcome single(std::string_view verb, const Caller& caller, std::string_view name) {
    return verb == "mount"    ? mountName(policy, caller, name)
           : verb == "umount" ? umountName(policy, caller, name)
                              : statusName(policy, caller, name);
}

int work(const Arguments& args) {
    Caller caller = whoCalls();
    std::optional<Outcome> wrong;
    if (inUserNamespace()) {
        // Whoever made the namespace chose what is root and what /etc is: nothing read here means anything.
        wrong = failure(exitPrivilege, "CAP_SYS_ADMIN is missing: this process is in a user namespace");
    } else {
        wrong = loadPolicy();
    }
    if (args.verb == "status" && !args.hasName) {
        return reportPolicy(policy, caller, wrong, args.json);
    }
    bool all = args.verb == "boot" || args.verb == "unboot";
    if (!wrong && all && caller.uid != 0) {
        wrong = failure(exitPrivilege, "only root may do this");
    }
    if (!wrong && all) {
        if (std::string missing = missingPrivilege(); !missing.empty()) {
            wrong = failure(exitPrivilege, std::move(missing));
        } else {
            return args.verb == "boot" ? bootAll(policy, args.json) : unbootAll(policy, args.json);
        }
    }
    Outcome outcome = wrong ? std::move(*wrong) : single(args.verb, caller, args.name);
    outcome.name = args.name;
    report(std::string(args.verb).c_str(), outcome, args.json);
    return outcome.status;
}

int run(int count, char** values) {
    const char* unsafe = !beginUnprivileged() ? "its capabilities"
                         : !sanitize()        ? "its surroundings"
                         : !confine()         ? "its filter of system calls"
                                              : nullptr;
    if (unsafe != nullptr) {
        print(STDERR_FILENO, std::string("ksquash-helper: this process cannot set ") + unsafe + ": " +
                                 errorName(errno) + "\n");
        return exitPrivilege;
    }
    openlog("ksquash-helper", LOG_PID, LOG_AUTHPRIV);
    Arguments args;
    if (!parseArguments(count, values, args)) {
        std::string_view given = count > 1 ? values[count - 1] : "";
        syslog(LOG_AUTHPRIV | LOG_NOTICE, "uid %u: wrong arguments, the last one: %s", getuid(),
               printable(given.substr(0, 256)).c_str());
        if (args.json) {
            print(STDOUT_FILENO, toJson(failure(exitUsage, usage)) + "\n");
        } else {
            print(STDERR_FILENO, std::string("usage: ") + usage + "\n");
        }
        return exitUsage;
    }
    if (args.verb == "--version") {
        print(STDOUT_FILENO, "ksquash-helper " KSQUASH_VERSION "\n");
        return exitOk;
    }
    return work(args);
}

} // namespace

} // namespace ksquash::helper

int main(int argc, char** argv) {
    return ksquash::helper::run(argc, argv);
}
