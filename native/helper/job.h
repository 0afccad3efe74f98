// One NAME under one rule: where its image and its mount point are, and whether what is mounted there is
// ours. Leaves mounting and unmounting to verbs.
#pragma once

#include "../core/loop.h"
#include "outcome.h"
#include "places.h"

namespace ksquash::helper {

struct Caller {
    uint32_t uid = 0;
    std::span<const uint32_t> groups;
};

struct Job {
    const Rule* rule = nullptr;
    std::string name;
    std::string file; // NAME + suffix
    std::string imagePath;
    std::string target;
    UniqueFd images;
    UniqueFd mountpoints;
};

enum class Purpose { mount, umount };

Result<Job> openJob(const Rule& rule, std::string_view name);
// Under the first rule that permits this and knows the NAME: its image is there, or (umount) it is mounted.
Result<Job> findJob(const Policy& policy, const Caller& caller, std::string_view name, Purpose purpose);

enum class Standing { nothing, current, stale, lastCopy, other };
struct Mounted {
    Standing standing = Standing::nothing;
    std::string device;
    FileKey file;
};
// What is mounted on the place with this statx answer, told by the device's dev:ino; `image` where there is
// one.
Mounted judge(const Job& job, const FileStat& place, const Result<FileStat>& image);

// The outcome for an error about a place or an image: what is there is not for the caller to learn.
Outcome refusal(const Job& job, const SysError& error);
Outcome refusal(std::string_view name, const SysError& error);
// An outcome with the names of the job filled in.
Outcome about(const Job& job, Outcome outcome);

} // namespace ksquash::helper
