// One lock and one policy for all; names in order, so that two boots say the same.
#include "boot.h"
#include "../core/tree/directory.h"
#include "verbs.h"

#include <algorithm>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace ksquash::helper {

namespace {

class Summary {
  public:
    Summary(const char* verb, bool json) : verb_(verb), json_(json) {}

    void add(const Outcome& outcome) {
        bool good = outcome.status == exitOk;
        bool done = good && outcome.result != OutcomeResult::already;
        ++(good ? (done ? done_ : already_) : failed_);
        status_ = status_ == exitOk ? outcome.status : status_;
        if (json_) {
            outcomes_.push_back(outcome);
            log(verb_, outcome);
        } else if (!good || done) {
            report(verb_, outcome, false);
        }
    }

    int finish() const {
        if (json_) {
            print(STDOUT_FILENO, asJson() + "\n");
        } else {
            print(STDOUT_FILENO, std::to_string(done_) + " done, " + std::to_string(already_) + " already, " +
                                     std::to_string(failed_) + " failed\n");
        }
        return status_;
    }

  private:
    std::string asJson() const {
        JsonWriter out;
        out.beginObject();
        out.number("status", status_);
        out.key("results");
        out.beginArray();
        for (const Outcome& outcome : outcomes_) {
            writeJson(out, outcome);
        }
        out.endArray();
        out.endObject();
        return out.take();
    }

    const char* verb_;
    bool json_;
    int status_ = exitOk;
    unsigned done_ = 0;
    unsigned already_ = 0;
    unsigned failed_ = 0;
    std::vector<Outcome> outcomes_;
};

const Rule* bootRule(const Policy& policy) {
    for (const Rule& rule : policy.all()) {
        if (rule.name == "boot") {
            return &rule;
        }
    }
    return nullptr;
}

// Names of the directory that end so and are NAMEs of the rule, without that end.
Result<std::vector<std::string>> listNames(const Rule& rule, std::string_view directory,
                                           std::string_view ending) {
    auto trusted = openTrustedDirectory(directory);
    auto open = trusted ? openDirectory(trusted->get(), ".", directory) : std::move(trusted);
    if (!open) {
        return open.error();
    }
    auto entries = readNames(open->get(), directory);
    if (!entries) {
        return entries.error();
    }
    std::vector<std::string> out;
    for (const Name& entry : *entries) {
        std::string_view name = entry.name;
        if (!name.ends_with(ending)) {
            continue;
        }
        name.remove_suffix(ending.size());
        if (isName(name) && name.starts_with(rule.prefix)) {
            out.emplace_back(name);
        }
    }
    std::sort(out.begin(), out.end());
    return out;
}

// Runs `work` for each NAME, under one lock.
template <class Work>
int each(const Policy& policy, std::string_view Rule::*directory, bool images, Summary& summary, Work work) {
    const Rule* rule = bootRule(policy);
    if (rule == nullptr) {
        summary.add(
            failure(exitNotPermitted, "the policy has no [rule boot] (ksquash boot enable writes it)"));
        return summary.finish();
    }
    auto names = listNames(*rule, rule->*directory, images ? rule->suffix : std::string_view());
    if (!names) {
        summary.add(refusal("", names.error()));
        return summary.finish();
    }
    if (names->empty()) {
        return summary.finish();
    }
    auto control = lockLoops();
    if (!control) {
        summary.add(failure(control.error()));
        return summary.finish();
    }
    for (const std::string& name : *names) {
        auto request = openRequest(*rule, name);
        if (!request) {
            summary.add(refusal(name, request.error()));
        } else {
            work(*request, control->get());
        }
    }
    return summary.finish();
}

// Made as ksquash makes it. The parent directory was found safe; performMount checks an existing one.
void makeMountPoint(const MountRequest& request) {
    mkdirat(request.mountpoints.get(), request.name.c_str(), 0755);
}

} // namespace

int bootAll(const Policy& policy, bool json) {
    Summary summary("boot", json);
    return each(policy, &Rule::images, true, summary, [&](const MountRequest& request, int control) {
        auto image = statAt(request.images.get(), request.file.c_str(), request.imagePath);
        if (image && image->isRegular()) {
            makeMountPoint(request);
        }
        summary.add(performMount(request, control, Repeat::more));
    });
}

int unbootAll(const Policy& policy, bool json) {
    Summary summary("unboot", json);
    if (const Rule* rule = bootRule(policy); rule != nullptr && !rule->umount) {
        summary.add(failure(exitNotPermitted, "[rule boot] has no \"umount = yes\""));
        return summary.finish();
    }
    return each(policy, &Rule::mountpoints, false, summary, [&](const MountRequest& request, int) {
        auto place = statAt(request.mountpoints.get(), request.name.c_str(), request.target);
        auto image = statAt(request.images.get(), request.file.c_str(), request.imagePath);
        Standing standing = place ? identifyMount(request, *place, image).standing : Standing::nothing;
        // At shutdown the last copy of a deleted image ends anyway; let the system's own umount do that.
        if (standing == Standing::current || standing == Standing::stale) {
            summary.add(performUmount(request));
        }
    });
}

} // namespace ksquash::helper
