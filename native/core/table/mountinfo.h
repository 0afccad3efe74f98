// /proc/PID/mountinfo, proc_pid_mountinfo(5): bytes to rows. Pure but for readMountinfo.
// Paths are bytes: the kernel escapes space, tab, newline and backslash, and leaves everything else raw.
#pragma once

#include "../base/sys.h"

#include <cstdint>
#include <vector>

namespace ksquash {

struct MountRow {
    uint32_t id = 0;
    uint32_t parent = 0;
    uint32_t deviceMajor = 0;
    uint32_t deviceMinor = 0;
    std::string root;
    std::string target;
    std::string options;
    std::vector<std::string> tags; // "shared:1", "master:2", …: none up to several
    std::string fstype;
    std::string source; // may be empty
    std::string superOptions;
};

// Rows in the kernel's order; a line that is not a row (a cut last one) is left out.
std::vector<MountRow> parseMountinfo(std::string_view text);
Result<std::vector<MountRow>> readMountinfo(const std::string& file = "/proc/self/mountinfo");

} // namespace ksquash
