// Rules are tried in the order of the policy; a device's file is read with CAP_DAC_READ_SEARCH, for nothing
// else tells which file a loop device carries.
#include "job.h"
#include "../core/walk.h"
#include "privilege.h"

namespace ksquash::helper {

namespace {

bool applies(const Job& job, Purpose purpose) {
    if (purpose == Purpose::mount) {
        return static_cast<bool>(statAt(job.images.get(), job.file.c_str(), job.imagePath));
    }
    auto place = statAt(job.mountpoints.get(), job.name.c_str(), job.target);
    return place && place->mountRoot;
}

// sysfs follows renames, and marks a file without a name; the status keeps the name of the beginning.
bool carriesFormerImage(const LoopBacking& backing, const std::string& imagePath) {
    return backing.configuredName == loopName(imagePath) || backing.currentName == imagePath ||
           backing.currentName == imagePath + " (deleted)";
}

} // namespace

Result<Job> openJob(const Rule& rule, std::string_view name) {
    Job job;
    job.rule = &rule;
    job.name = name;
    job.file = job.name + std::string(rule.suffix);
    job.imagePath = joinPath(rule.images, job.file);
    job.target = joinPath(rule.mountpoints, name);
    if (job.file.size() > 255) {
        return makeError(ENAMETOOLONG, "", job.imagePath, "place", "the name is too long for a file");
    }
    for (auto [path, fd] : {std::pair{rule.images, &job.images}, {rule.mountpoints, &job.mountpoints}}) {
        auto opened = openTrustedDirectory(path);
        if (!opened) {
            return opened.error();
        }
        *fd = std::move(*opened);
    }
    return job;
}

Result<Job> findJob(const Policy& policy, const Caller& caller, std::string_view name, Purpose purpose) {
    SysError last = makeError(EPERM, "", std::string(name), "place", "no rule permits this to the user");
    std::optional<Job> first;
    for (const Rule& rule : policy.all()) {
        bool meant = name.starts_with(rule.prefix) && (purpose == Purpose::mount || rule.umount);
        if (!meant || !permits(rule, caller.uid, caller.groups)) {
            continue;
        }
        auto job = openJob(rule, name);
        if (!job) {
            last = job.error();
        } else if (applies(*job, purpose)) {
            return job;
        } else if (!first) {
            first = std::move(*job);
        }
    }
    if (first) {
        return std::move(*first);
    }
    return last;
}

Mounted judge(const Job& job, const FileStat& place, const Result<FileStat>& image) {
    Mounted out;
    if (!place.mountRoot) {
        return out;
    }
    out.standing = Standing::other;
    auto backing = [&] {
        Raised raised(Capability::readSearch);
        return loopBacking(place.key.dev);
    }();
    if (!backing) {
        return out;
    }
    out.device = backing->path();
    out.file = backing->file;
    if (image && image->key == backing->file) {
        out.standing = Standing::current;
    } else if (carriesFormerImage(*backing, job.imagePath)) {
        out.standing = image ? Standing::stale : Standing::lastCopy;
    }
    return out;
}

Outcome refusal(std::string_view name, const SysError& error) {
    bool machine = error.code == EMFILE || error.code == ENFILE || error.code == ENOMEM;
    if (machine || error.step == std::string_view("target")) {
        Outcome out = failure(error);
        out.name = name;
        return out;
    }
    if (error.code == ENOSYS) {
        return failure(
            exitUnavailable,
            "this kernel is too old, or a seccomp filter hides it: openat2(2) and its like need Linux 5.10");
    }
    std::string why = error.reason.empty() ? errorName(error.code) : error.reason;
    Outcome out = notPermitted(error.path + ": " + why);
    out.name = name;
    return out;
}

Outcome refusal(const Job& job, const SysError& error) {
    return about(job, refusal(job.name, error));
}

Outcome about(const Job& job, Outcome outcome) {
    outcome.name = job.name;
    // Names only: they follow from the policy, which everybody may read.
    outcome.image = job.imagePath;
    outcome.target = job.target;
    return outcome;
}

} // namespace ksquash::helper
