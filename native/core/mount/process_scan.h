// Does one process hold a file of a mount or of a tree? Its working and root directories, executable, open
// files and mappings, from /proc/PID. Leaves finding the processes, and mounts, to holders.
#pragma once

#include "holders.h"

namespace ksquash {

// What counts as "held".
struct Subject {
    bool wholeDevice = false; // a loop device's mount: any file of this device, in whatever namespace
    bool wholeMount = false;
    dev_t device = 0;
    uint64_t mountId = 0;
    std::string path; // resolved, for a plain tree

    bool below(std::string_view other) const {
        if (path == "/") {
            return true;
        }
        return other.starts_with(path) && (other.size() == path.size() || other[path.size()] == '/');
    }
};

// What the path stands for: ENOENT and the like when nothing.
Result<Subject> lookUpSubject(const std::string& path);

// In `how` the ways in which the process holds the subject; none when it does not, or has ended, or may not
// be looked at.
Holder lookAtProcess(const Subject& subject, int pid);
// Adds a way to `how`, once; the first path is kept.
void note(Holder& holder, HeldBy how, std::string& path);

} // namespace ksquash
