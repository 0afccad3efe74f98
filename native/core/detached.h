// An image attached to a loop device and mounted without a place in the tree (fsopen, fsconfig,
// fsmount: 5.2). Nobody sees it until mount moves it; compare and list read through it. Closing it undoes all
// of it.
#pragma once

#include "loop.h"
#include "options.h"

namespace ksquash {

struct DetachedMount {
    LoopDevice loop;
    UniqueFd mount; // declared after the loop device: closed first, so that the device is free at the end
    bool hasXattrs = false;
};

// Superblock check, loop device under the lock, mount, and a first read through it.
Result<DetachedMount> mountDetached(const std::string& image, const MountOptions& options);
// The same from an open, checked image, for a caller that holds the lock.
Result<UniqueFd> makeDetached(const LoopDevice& loop, const MountOptions& options, const std::string& image);

// Can the answer mean that this kernel (or a seccomp filter) has no fsopen(2)?
bool lacksMountApi(const SysError& error);

} // namespace ksquash
