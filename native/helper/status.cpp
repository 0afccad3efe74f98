// Looks without the lock: what it says may be over when it is read, like every status.
#include "status.h"
#include "privilege.h"

#include <unistd.h>

namespace ksquash::helper {

namespace {

const char* stateOf(Standing standing) {
    static constexpr const char* names[] = {"unmounted", "mounted", "stale", "mounted", "other"};
    return names[static_cast<size_t>(standing)];
}

} // namespace

Outcome statusName(const Policy& policy, const Caller& caller, std::string_view name) {
    auto request = findRequest(policy, caller, name, Purpose::mount);
    if (!request) {
        return refusal(name, request.error());
    }
    auto image = statAt(request->images.get(), request->file.c_str(), request->imagePath);
    auto place = statAt(request->mountpoints.get(), request->name.c_str(), request->target);
    if (!image && !(place && place->mountRoot)) {
        return refusal(*request, image.error());
    }
    Mounted mounted = place ? identifyMount(*request, *place, image) : Mounted{};
    Outcome out;
    out.result = place ? stateOf(mounted.standing) : "absent";
    out.device = mounted.device;
    out.mountId = place && place->mountRoot ? place->mountId : 0;
    if (!mounted.device.empty()) {
        out.file = mounted.file;
    }
    out.mayUmount = static_cast<bool>(findRequest(policy, caller, name, Purpose::umount));
    return withPaths(*request, std::move(out));
}

int reportPolicy(const Policy& policy, const Caller& caller, const std::optional<Outcome>& wrong, bool json) {
    std::string missing = missingPrivilege();
    std::string rules;
    std::string text;
    for (const Rule& rule : policy.all()) {
        if (!wrong && permits(rule, caller.uid, caller.groups)) {
            std::string images(rule.images);
            std::string places(rule.mountpoints);
            rules += rules.empty() ? "" : ",";
            rules += "{\"rule\":" + quoted(rule.name) + ",\"images\":" + quoted(images) +
                     ",\"mountpoints\":" + quoted(places) +
                     ",\"umount\":" + (rule.umount ? "true" : "false") + "}";
            text.append("rule ").append(rule.name).append(": ").append(images).append("/").append(
                rule.prefix);
            text.append("*").append(rule.suffix).append(" on ").append(places);
            text.append(rule.umount ? ", umount\n" : "\n");
        }
    }
    int status = !missing.empty() ? int{exitPrivilege}
                 : wrong          ? wrong->status
                 : rules.empty()  ? int{exitNotPermitted}
                                  : int{exitOk};
    std::string policyProblem = wrong ? wrong->message : "";
    if (json) {
        print(STDOUT_FILENO,
              "{\"status\":" + std::to_string(status) + ",\"version\":" + quoted(KSQUASH_VERSION) +
                  ",\"uid\":" + std::to_string(caller.uid) + ",\"privilege\":" + quoted(missing) +
                  ",\"policy\":" + quoted(policyProblem) + ",\"rules\":[" + rules + "]}\n");
        return status;
    }
    text += missing.empty() ? "" : missing + "\n";
    text += policyProblem.empty() ? "" : "policy: " + policyProblem + "\n";
    text += !wrong && rules.empty() ? "no rule of the policy permits anything to this user\n" : "";
    print(status == exitOk ? STDOUT_FILENO : STDERR_FILENO, text);
    return status;
}

} // namespace ksquash::helper
