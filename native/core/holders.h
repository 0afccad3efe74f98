// Which processes use a mount or a directory tree: their working and root directories, executables, open
// files and mappings, from /proc/PID (proc(5)). What keeps umount2 at EBUSY, in words a person can act on.
#pragma once

#include "file.h"

#include <vector>

namespace ksquash {

struct Holder {
    int pid = 0;
    std::string comm;
    uint32_t uid = 0;
    std::vector<std::string> how; // "cwd", "root", "exe", "fd", "map"
    std::string path;             // one of the paths held
    bool writes = false;
};

// By mount for a mount point (also its copies in other mount namespaces, where it is a loop device's); by
// path else.
Result<std::vector<Holder>> findHolders(const std::string& path);

} // namespace ksquash
