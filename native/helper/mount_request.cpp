// Rules are tried in the order of the policy; a device's file is read with CAP_DAC_READ_SEARCH, for nothing
// else tells which file a loop device carries.
#include "mount_request.h"
#include "../core/tree/directory.h"
#include "privilege.h"

namespace ksquash::helper {

namespace {

bool applies(const MountRequest& request, Purpose purpose) {
    if (purpose == Purpose::mount) {
        return static_cast<bool>(statAt(request.images.get(), request.file.c_str(), request.imagePath));
    }
    auto place = statAt(request.mountpoints.get(), request.name.c_str(), request.target);
    return place && place->mountRoot;
}

// sysfs follows renames, and marks a file without a name; the status keeps the name of the beginning.
bool carriesFormerImage(const LoopBacking& backing, const std::string& imagePath) {
    return backing.configuredName == loopName(imagePath) || backing.currentName == imagePath ||
           backing.currentName == imagePath + " (deleted)";
}

} // namespace

Result<MountRequest> openRequest(const Rule& rule, std::string_view name) {
    MountRequest request;
    request.rule = &rule;
    request.name = name;
    request.file = request.name + std::string(rule.suffix);
    request.imagePath = joinPath(rule.images, request.file);
    request.target = joinPath(rule.mountpoints, name);
    if (request.file.size() > 255) {
        return makeError(ENAMETOOLONG, "", request.imagePath, "place", "the name is too long for a file");
    }
    for (auto [path, fd] :
         {std::pair{rule.images, &request.images}, {rule.mountpoints, &request.mountpoints}}) {
        auto opened = openTrustedDirectory(path);
        if (!opened) {
            return opened.error();
        }
        *fd = std::move(*opened);
    }
    return request;
}

Result<MountRequest> findRequest(const Policy& policy, const Caller& caller, std::string_view name,
                                 Purpose purpose) {
    SysError last = makeError(EPERM, "", std::string(name), "place", "no rule permits this to the user");
    std::optional<MountRequest> first;
    for (const Rule& rule : policy.all()) {
        bool meant = name.starts_with(rule.prefix) && (purpose == Purpose::mount || rule.umount);
        if (!meant || !permits(rule, caller.uid, caller.groups)) {
            continue;
        }
        auto request = openRequest(rule, name);
        if (!request) {
            last = request.error();
        } else if (applies(*request, purpose)) {
            return request;
        } else if (!first) {
            first = std::move(*request);
        }
    }
    if (first) {
        return std::move(*first);
    }
    return last;
}

Mounted identifyMount(const MountRequest& request, const FileStat& place, const Result<FileStat>& image) {
    Mounted out;
    if (!place.mountRoot) {
        return out;
    }
    out.standing = Standing::other;
    auto backing = [&] {
        ScopedCapability raised(Capability::readSearch);
        return loopBacking(place.key.dev);
    }();
    if (!backing) {
        return out;
    }
    out.device = backing->path();
    out.file = backing->file;
    if (image && image->key == backing->file) {
        out.standing = Standing::current;
    } else if (carriesFormerImage(*backing, request.imagePath)) {
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

Outcome refusal(const MountRequest& request, const SysError& error) {
    return withPaths(request, refusal(request.name, error));
}

Outcome withPaths(const MountRequest& request, Outcome outcome) {
    outcome.name = request.name;
    // Names only: they follow from the policy, which everybody may read.
    outcome.image = request.imagePath;
    outcome.target = request.target;
    return outcome;
}

} // namespace ksquash::helper
