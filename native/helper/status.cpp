// Looks without the lock: what it says may be over when it is read, like every status.
#include "status.h"
#include "privilege.h"

#include <unistd.h>

namespace ksquash::helper {

namespace {

OutcomeResult stateOf(Standing standing) {
    switch (standing) {
    case Standing::nothing:
        return OutcomeResult::unmounted;
    case Standing::stale:
        return OutcomeResult::stale;
    case Standing::other:
        return OutcomeResult::other;
    default:
        return OutcomeResult::mounted;
    }
}

// What the program would do for this user.
struct PolicyReport {
    int status = exitOk;
    uint32_t uid = 0;
    std::string missing; // the privilege, and why
    std::string problem; // the policy's
    std::vector<const Rule*> rules;
};

std::string toJson(const PolicyReport& report) {
    JsonWriter out;
    out.beginObject();
    out.number("status", report.status);
    out.text("version", KSQUASH_VERSION);
    out.number("uid", report.uid);
    out.text("privilege", report.missing);
    out.text("policy", report.problem);
    out.key("rules");
    out.beginArray();
    for (const Rule* rule : report.rules) {
        out.beginObject();
        out.text("rule", rule->name);
        out.text("images", rule->images);
        out.text("mountpoints", rule->mountpoints);
        out.boolean("umount", rule->umount);
        out.endObject();
    }
    out.endArray();
    out.endObject();
    return out.take();
}

std::string toText(const PolicyReport& report, bool unusable) {
    std::string out;
    for (const Rule* rule : report.rules) {
        out.append("rule ").append(rule->name).append(": ").append(rule->images).append("/");
        out.append(rule->prefix).append("*").append(rule->suffix).append(" on ").append(rule->mountpoints);
        out.append(rule->umount ? ", umount\n" : "\n");
    }
    out += report.missing.empty() ? "" : report.missing + "\n";
    out += report.problem.empty() ? "" : "policy: " + report.problem + "\n";
    out += !unusable && report.rules.empty() ? "no rule of the policy permits anything to this user\n" : "";
    return out;
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
    out.result = place ? stateOf(mounted.standing) : OutcomeResult::absent;
    out.device = mounted.device;
    out.mountId = place && place->mountRoot ? place->mountId : 0;
    if (!mounted.device.empty()) {
        out.file = mounted.file;
    }
    out.mayUmount = static_cast<bool>(findRequest(policy, caller, name, Purpose::umount));
    return withPaths(*request, std::move(out));
}

int reportPolicy(const Policy& policy, const Caller& caller, const std::optional<Outcome>& wrong, bool json) {
    PolicyReport report;
    report.uid = caller.uid;
    report.missing = missingPrivilege();
    report.problem = wrong ? wrong->message : "";
    for (const Rule& rule : policy.all()) {
        if (!wrong && permits(rule, caller.uid, caller.groups)) {
            report.rules.push_back(&rule);
        }
    }
    report.status = !report.missing.empty() ? int{exitPrivilege}
                    : wrong                 ? wrong->status
                    : report.rules.empty()  ? int{exitNotPermitted}
                                            : int{exitOk};
    if (json) {
        print(STDOUT_FILENO, toJson(report) + "\n");
    } else {
        print(report.status == exitOk ? STDOUT_FILENO : STDERR_FILENO, toText(report, wrong.has_value()));
    }
    return report.status;
}

} // namespace ksquash::helper
