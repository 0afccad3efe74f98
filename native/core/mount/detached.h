// An image attached to a loop device and mounted without a place in the tree (fsopen, fsconfig,
// fsmount: 5.2). Nobody sees it until mount moves it; compare and list read through it. Closing it undoes all
// of it.
#pragma once

#include "../base/control.h"
#include "../base/options.h"
#include "../loop/loop.h"

namespace ksquash {

struct DetachedMount {
    LoopDevice loop;
    UniqueFd mount; // declared after the loop device: closed first, so that the device is free at the end
    bool hasXattrs = false;
    bool singleDecompressor = false; // squashfs, where most kernels unpack one block at a time in each mount
};

// Superblock check, loop device under the lock, mount, and a first read through it.
Result<DetachedMount> mountDetached(const std::string& image, const MountOptions& options,
                                    const Control& control);

// Its first part, which needs CAP_SYS_ADMIN; reading through it needs nothing.
Result<UniqueFd> createMount(const LoopDevice& loop, const MountOptions& options, const std::string& image);

// Reads the top directory and its first entry through the mount whose root is `mount`: success of the mount
// itself proves little, since an image with misplaced tables may mount and fail at the first read.
Status readThrough(int mount, dev_t device, const std::string& image);

// Adds kind and reason to an error of the kernel's in making a mount, by errno and its own words.
void explainMount(SysError& error, const std::string& type);

// Can the answer mean that this kernel (or a seccomp filter) has no fsopen(2)?
bool lacksMountApi(const SysError& error);

} // namespace ksquash
