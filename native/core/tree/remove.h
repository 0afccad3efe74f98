// Removes a tree by descriptor: never through a link, off the file system, or across a mount point.
// With a snapshot, only what is still as the compare saw it goes: every entry is looked at once more right
// before its unlink. Leaves all policy (which tree, and when) to the caller.
#pragma once

#include "../base/control.h"
#include "../base/file.h"

#include <optional>
#include <vector>

namespace ksquash {

struct RemoveRequest {
    std::string path;
    std::optional<std::string> expect; // a snapshot's bytes
    std::vector<std::string> keep;     // relative paths that stay, with all below them
    std::optional<FileKey> top;        // what the path must be: ESTALE, and nothing is removed, otherwise
};

struct RemoveResult {
    uint64_t removed = 0;
    uint64_t spared = 0;           // on the list of what stays
    uint64_t keptCount = 0;        // changed, new, or put there meanwhile
    std::vector<std::string> kept; // the first 1000, raw bytes
};

// EBUSY when the path is a mount point or has one below it: nothing is removed then.
Result<RemoveResult> removeTree(const RemoveRequest& request, const Control& control);

} // namespace ksquash
