// mountImage: check everything that can be checked without privilege, take the lock, look at the target,
// attach, mount where nobody sees it, read, and only then move it onto the target's descriptor.
#include "mount.h"
#include "../base/abi.h"
#include "../image/superblock.h"
#include "../loop/lock.h"
#include "../table/mount_facts.h"
#include "../tree/directory.h"
#include "detached.h"
#include "mount_legacy.h"

#include <fcntl.h>

namespace ksquash {

namespace {

SysError targetError(int code, const std::string& target, const char* reason) {
    return makeError(code, "mount", target, "target", reason);
}

// A directory and nothing else; a link is refused, since it could lead the mount anywhere.
Result<UniqueFd> openTarget(const std::string& target) {
    UniqueFd fd(open(target.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) {
        SysError error = lastError("open", target, "target");
        error.reason = error.code == ENOENT ? "the mount point does not exist" : "";
        return error;
    }
    auto stat = statAt(fd.get(), "", target);
    if (!stat) {
        return withStep(stat.error(), "target");
    }
    if (stat->isLink()) {
        return targetError(ELOOP, target, "the mount point is a symbolic link");
    }
    if (!stat->isDirectory()) {
        return targetError(ENOTDIR, target, "the mount point is not a directory");
    }
    return fd;
}

// What stands on the target: nothing (false), the very image (true, `out` filled), or something else (an
// error).
Result<bool> isMounted(int target, const MountRequest& request, const FileKey& image, MountResult& out) {
    auto stat = statAt(target, "", request.target);
    if (!stat) {
        return withStep(stat.error(), "target");
    }
    if (!stat->mountRoot) {
        return false;
    }
    auto backing = loopIdentity(stat->key.dev);
    if (!backing || backing->file != image) {
        return targetError(EBUSY, request.target, "something else is mounted here");
    }
    out = MountResult{stat->mountId, backing->path(), image, true};
    return true;
}

Status checkEmpty(int target, const std::string& path) {
    auto dir = openDirectory(target, ".", path);
    if (!dir) {
        return withStep(dir.error(), "target");
    }
    auto first = firstName(dir->get(), path);
    if (!first) {
        return withStep(first.error(), "target");
    }
    if (!first->empty()) {
        return targetError(ENOTEMPTY, path, "the mount point is not empty: a mount would hide what is in it");
    }
    return Done{};
}

Result<uint64_t> mountByFsopen(const LoopDevice& loop, const MountOptions& options, int target,
                               const MountRequest& request) {
    auto mount = makeDetached(loop, options, request.image);
    if (!mount) {
        return mount.error();
    }
    auto stat = statAt(mount->get(), "", request.image);
    if (!stat) {
        return withStep(stat.error(), "move");
    }
    if (abi::moveMount(mount->get(), "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) !=
        0) {
        SysError error = lastError("move_mount", request.target, "move");
        if (error.code == EPERM || error.code == EACCES) {
            error.reason =
                "the kernel does not let this process attach a mount (Landlock or another security module)";
        }
        return error;
    }
    // A mount that came in between would be covered by ours without a word (util-linux issue 3251). By the
    // descriptor, so that nobody else's can be meant, and lazily, since the descriptor itself keeps it busy.
    auto stands = isMountedOn(mount->get(), target);
    if (!stands || !*stands) {
        SysError error = stands
                             ? targetError(EBUSY, request.target, "something else was mounted here meanwhile")
                             : stands.error();
        if (abi::umount2(fdPath(mount->get()).c_str(), abi::mntDetach) != 0) {
            error.reason += error.reason.empty() ? "" : "; ";
            error.reason += "the new mount cannot be taken away again and stays: unmount it";
        }
        return error;
    }
    return stat->mountId != 0 ? stat->mountId : tableMountId(mount->get());
}

Result<MountResult> mountLocked(int control, int image, const FileKey& key, const MountOptions& options,
                                const MountRequest& request) {
    auto target = openTarget(request.target);
    if (!target) {
        return target.error();
    }
    MountResult out;
    auto mounted = isMounted(target->get(), request, key, out);
    if (!mounted) {
        return mounted.error();
    }
    if (*mounted) {
        return out;
    }
    auto empty = checkEmpty(target->get(), request.target);
    if (!empty) {
        return empty.error();
    }
    auto loop = attachLoop(control, image, request.image);
    if (!loop) {
        return loop.error();
    }
    auto id = mountByFsopen(*loop, options, target->get(), request);
    if (!id && lacksMountApi(id.error())) {
        id = mountLegacy(*loop, options, target->get(), request.target, request.image);
    }
    if (!id) {
        return id.error(); // closing the loop device frees it
    }
    return MountResult{*id, loop->path(), key, false};
}

} // namespace

Result<MountResult> mountImage(const MountRequest& request, const Control& control) {
    auto options = parseOptions(request.options);
    if (!options) {
        return options.error();
    }
    auto image = openImage(request.image);
    if (!image) {
        return image.error();
    }
    auto info = inspectImage(image->get(), request.image);
    if (!info) {
        return withStep(info.error(), "image");
    }
    if (request.expect && *request.expect != info->file) {
        return makeError(ESTALE, "mount", request.image, "image",
                         "the image is no longer the file that was meant");
    }
    options->type = info->type();
    auto lock = lockLoopControl(control);
    if (!lock) {
        return lock.error();
    }
    return mountLocked(lock->fd(), image->get(), info->file, *options, request);
}

} // namespace ksquash
