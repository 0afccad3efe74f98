// Which processes use a mount or a directory tree: their working and root directories, executables, open
// files and mappings, from /proc/PID (proc(5)); and what the mount tables add. What keeps umount2 at EBUSY,
// or the image's device bound after it, in words a person can act on.
#pragma once

#include "../base/file.h"

#include <vector>

namespace ksquash {

enum class HeldBy { cwd, root, exe, fd, map, mount, mountNamespace };
// "cwd", "root", "exe", "fd", "map"; "mount": a file system is mounted below; "namespace": the process's
// mount namespace has a copy of the mount, which outlives ours
const char* heldByName(HeldBy how);

struct Holder {
    int pid = 0;      // 0 for a mount
    std::string comm; // the file system's type for a mount
    uint32_t uid = 0;
    std::vector<HeldBy> how;
    std::string path; // one of the paths held
    bool writes = false;
};

// By mount for a mount point (also its copies in other mount namespaces, where it is a loop device's); by
// path else.
Result<std::vector<Holder>> findHolders(const std::string& path);

// "tmpfs mounted at /a/b, vim (pid 12) and 3 more".
std::string nameHolders(const std::vector<Holder>& holders);

} // namespace ksquash
