// One NAME under one rule: where its image and its mount point are, and whether what is mounted there is
// ours. Leaves mounting and unmounting to verbs.
#pragma once

#include "../core/loop/loop.h"
#include "outcome.h"
#include "trusted_paths.h"

namespace ksquash::helper {

struct Caller {
    uint32_t uid = 0;
    std::span<const uint32_t> groups;
};

struct MountRequest {
    const Rule* rule = nullptr;
    std::string name;
    std::string file; // NAME + suffix
    std::string imagePath;
    std::string target;
    UniqueFd images;
    UniqueFd mountpoints;
};

enum class Purpose { mount, umount };

Result<MountRequest> openRequest(const Rule& rule, std::string_view name);
// Under the first rule that permits this and knows the NAME: its image is there, or (umount) it is mounted.
Result<MountRequest> findRequest(const Policy& policy, const Caller& caller, std::string_view name,
                                 Purpose purpose);

enum class Standing { nothing, current, stale, lastCopy, other };
struct Mounted {
    Standing standing = Standing::nothing;
    std::string device;
    FileKey file;
};
// What is mounted on the place with this statx answer, told by the device's dev:ino; `image` where there is
// one.
Mounted identifyMount(const MountRequest& request, const FileStat& place, const Result<FileStat>& image);

// The outcome for an error about a place or an image: what is there is not for the caller to learn.
Outcome refusal(const MountRequest& request, const SysError& error);
Outcome refusal(std::string_view name, const SysError& error);
// An outcome with the names of the request filled in.
Outcome withPaths(const MountRequest& request, Outcome outcome);

} // namespace ksquash::helper
