// Look at the target, attach, mount where nobody sees it, read, look at the target again, move the mount onto
// the target's descriptor, and see whether it stands where it was meant to.
#include "transaction.h"
#include "../base/abi.h"
#include "../table/mount_facts.h"
#include "../tree/directory.h"
#include "detached.h"

namespace ksquash {

namespace {

class Privileged {
  public:
    Privileged(MountHooks& hooks, Privilege which) : hooks_(hooks) { hooks_.raise(which); }
    Privileged(const Privileged&) = delete;
    Privileged& operator=(const Privileged&) = delete;
    ~Privileged() { hooks_.drop(); }

  private:
    MountHooks& hooks_;
};

SysError targetError(int code, const std::string& target, const char* reason) {
    return makeError(code, "mount", target, "target", reason);
}

Status checkStack(const MountStack& stack) {
    if (stack.layers.empty()) {
        return makeError(EINVAL, "mount", stack.target, "layers", "no image was given");
    }
    if (stack.layers.size() > 1) {
        return makeError(EOPNOTSUPP, "mount", stack.target, "layers",
                         "a stack of " + std::to_string(stack.layers.size()) +
                             " images cannot be mounted: only one image can");
    }
    const ImageLayer& lowest = stack.layers.front();
    if (stack.expect && *stack.expect != lowest.file) {
        return makeError(ESTALE, "mount", lowest.path, "image",
                         "the image is no longer the file that was meant");
    }
    return Done{};
}

// What is mounted on the target is this very image, or it is an error.
Result<MountResult> findMounted(const FileStat& target, const MountStack& stack, MountHooks& hooks) {
    auto backing = [&] {
        Privileged privileged(hooks, Privilege::loopDevices);
        return loopIdentity(target.key.dev);
    }();
    const FileKey& file = stack.layers.front().file;
    if (!backing || backing->file != file) {
        return targetError(EBUSY, stack.target, "something else is mounted here");
    }
    return MountResult{target.mountId, backing->path(), file, true};
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

// Where nobody sees it yet, of this device, and readable.
Result<UniqueFd> makeMount(const LoopDevice& loop, const MountStack& stack, const MountOptions& options,
                           MountHooks& hooks) {
    const std::string& image = stack.layers.front().path;
    auto mount = [&] {
        Privileged privileged(hooks, Privilege::mounts);
        return createMount(loop, options, image);
    }();
    if (!mount) {
        return mount;
    }
    auto read = readThrough(mount->get(), loop.rdev, image);
    if (!read && !(stack.mayBeUnreadable && read.error().code == EACCES)) {
        return read.error();
    }
    return mount;
}

// Its name may lead elsewhere by now, or to a mount that came in between.
Status checkUnchanged(const FileStat& before, const MountStack& stack, MountHooks& hooks) {
    auto again = hooks.openTarget();
    auto now = again ? statAt(again->get(), "", stack.target) : Result<FileStat>(again.error());
    if (!now || now->key != before.key || now->mountId != before.mountId || now->mountRoot) {
        return makeError(EBUSY, "mount", stack.target, "place-changed",
                         "the mount point was changed meanwhile");
    }
    return Done{};
}

SysError moveError(const std::string& target) {
    SysError error = lastError("move_mount", target, "move");
    if (error.code == EPERM || error.code == EACCES) {
        error.reason =
            "the kernel does not let this process attach a mount (Landlock or another security module)";
    }
    return error;
}

// A mount that came in between would be covered by ours without a word (util-linux issue 3251). Ours is taken
// away by its descriptor, so that nobody else's can be meant, and lazily, since the descriptor itself keeps
// it busy.
Status checkAttached(int mount, int target, const MountStack& stack, MountHooks& hooks) {
    auto attached = isMountedOn(mount, target);
    if (attached && *attached) {
        return Done{};
    }
    SysError error = attached ? targetError(EBUSY, stack.target, "something else was mounted here meanwhile")
                              : attached.error();
    Privileged privileged(hooks, Privilege::mounts);
    if (abi::umount2(fdPath(mount).c_str(), abi::mntDetach) != 0) {
        error.reason += error.reason.empty() ? "" : "; ";
        error.reason += "the new mount cannot be taken away again and stays: unmount it";
    }
    return error;
}

Result<uint64_t> mountByFsopen(const LoopDevice& loop, const MountStack& stack, const MountOptions& options,
                               int target, const FileStat& before, MountHooks& hooks) {
    auto mount = makeMount(loop, stack, options, hooks);
    if (!mount) {
        return mount.error();
    }
    auto stat = statAt(mount->get(), "", stack.layers.front().path);
    if (!stat) {
        return withStep(stat.error(), "move");
    }
    // Told apart from reading, which may not be the caller's right.
    if (stat->key.dev != loop.rdev) {
        return makeError(ESTALE, "statx", stack.layers.front().path, "probe-read",
                         "the mount is not of the loop device made for it");
    }
    auto unchanged = checkUnchanged(before, stack, hooks);
    if (!unchanged) {
        return unchanged.error();
    }
    {
        Privileged privileged(hooks, Privilege::mounts);
        constexpr unsigned byDescriptors = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
        if (abi::moveMount(mount->get(), "", target, "", byDescriptors) != 0) {
            return moveError(stack.target);
        }
    }
    auto attached = checkAttached(mount->get(), target, stack, hooks);
    if (!attached) {
        return attached.error();
    }
    return stat->mountId != 0 ? stat->mountId : tableMountId(mount->get());
}

// Closing the loop device frees it where the mount failed.
Result<MountResult> attachAndMount(int control, int target, const FileStat& before, const MountStack& stack,
                                   MountHooks& hooks) {
    const ImageLayer& layer = stack.layers.front();
    auto loop = [&] {
        Privileged privileged(hooks, Privilege::loopDevices);
        return attachLoop(control, layer.fd, layer.path);
    }();
    hooks.attached();
    if (!loop) {
        return loop.error();
    }
    MountOptions options = stack.options;
    options.type = layer.type;
    auto id = mountByFsopen(*loop, stack, options, target, before, hooks);
    if (!id && lacksMountApi(id.error())) {
        id = hooks.mountWithoutApi(*loop, options, target, id.error());
    }
    if (!id) {
        return id.error();
    }
    return MountResult{*id, loop->path(), layer.file, false};
}

} // namespace

Result<MountResult> mountStack(const MountStack& stack, MountHooks& hooks) {
    auto good = checkStack(stack);
    if (!good) {
        return good.error();
    }
    auto control = hooks.lock();
    if (!control) {
        return control.error();
    }
    auto target = hooks.openTarget();
    if (!target) {
        return target.error();
    }
    auto before = statAt(target->get(), "", stack.target);
    if (!before) {
        return withStep(before.error(), "target");
    }
    if (before->mountRoot) {
        return findMounted(*before, stack, hooks);
    }
    auto empty = checkEmpty(target->get(), stack.target);
    if (!empty) {
        return empty.error();
    }
    return attachAndMount(*control, target->get(), *before, stack, hooks);
}

} // namespace ksquash
