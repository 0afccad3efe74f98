// The order is the point: everything that can be refused without privilege is refused first, each capability
// is effective around its own calls only, and nobody sees the mount before it is checked.
#include "verbs.h"
#include "../core/base/abi.h"
#include "../core/image/superblock.h"
#include "../core/loop/lock.h"
#include "../core/mount/detached.h"
#include "privilege.h"

#include <sys/sysmacros.h>

namespace ksquash::helper {

namespace {

constexpr int heldWaitTries = 50; // of 10 ms: udev may look at the device when it is freed

SysError changed(const MountRequest& request) {
    return makeError(EBUSY, "", request.target, "place-changed", "the mount point was changed meanwhile");
}

Status checkCount(const MountRequest& request) {
    if (request.rule->maxMounts == unlimited) {
        return Done{};
    }
    auto count = countMounts(request.mountpoints.get(), request.rule->mountpoints);
    if (!count) {
        return count.error();
    }
    if (*count >= request.rule->maxMounts) {
        return makeError(EPERM, "", request.target, "place", "the rule's max_mounts are reached");
    }
    return Done{};
}

// The mount, where nobody sees it. Reading through it is the caller's right, or not: that says nothing of it.
Result<UniqueFd> makeMount(const MountRequest& request, const LoopDevice& loop, const char* type) {
    auto options = parseOptions("");
    if (!options) {
        return options.error();
    }
    options->type = type;
    auto mount = [&] {
        ScopedCapability raised(Capability::sysAdmin);
        return createMount(loop, *options, request.imagePath);
    }();
    if (!mount) {
        return mount.error();
    }
    auto stat = statAt(mount->get(), "", request.imagePath);
    if (!stat) {
        return stat.error();
    }
    if (stat->key.dev != loop.rdev) {
        return makeError(ESTALE, "statx", request.imagePath, "probe-read",
                         "the mount is not of the loop device made for it");
    }
    auto read = readThrough(mount->get(), loop.rdev, request.imagePath);
    if (!read && read.error().code != EACCES) {
        return read.error();
    }
    return mount;
}

Result<uint64_t> attachAndMove(const MountRequest& request, int control, const Image& image, int place,
                               const FileStat& before, Repeat repeat, std::string& device) {
    auto loop = [&] {
        ScopedCapability raised(Capability::readSearch);
        return attachLoop(control, image.fd.get(), request.imagePath);
    }();
    if (repeat == Repeat::last) {
        forget(Capability::readSearch);
    }
    if (!loop) {
        return loop.error();
    }
    device = loop->path();
    auto mount = makeMount(request, *loop, image.type);
    if (!mount) {
        return mount.error();
    }
    auto id = statAt(mount->get(), "", request.target);
    auto again = openMountPoint(request.mountpoints.get(), request.name, request.target);
    auto now = again ? statAt(again->get(), "", request.target) : Result<FileStat>(again.error());
    if (!id || !now || now->key != before.key || now->mountId != before.mountId || now->mountRoot) {
        return changed(request);
    }
    ScopedCapability raised(Capability::sysAdmin);
    constexpr unsigned byDescriptors = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    if (abi::moveMount(mount->get(), "", place, "", byDescriptors) != 0) {
        return lastError("move_mount", request.target, "move");
    }
    return id->mountId;
}

Outcome alreadyMounted(const MountRequest& request, const Mounted& mounted, uint64_t mountId) {
    if (mounted.standing != Standing::current) {
        bool older = mounted.standing == Standing::stale;
        return withPaths(request,
                         failure(exitOccupied, older ? "an older image is mounted here: unmount it first"
                                                     : "something else is mounted here"));
    }
    Outcome out;
    out.result = "already";
    out.device = mounted.device;
    out.file = mounted.file;
    out.mountId = mountId;
    return withPaths(request, std::move(out));
}

// Another mount namespace may keep the image: said, not waited for beyond a moment.
bool isStillHeld(dev_t device, const FileKey& file) {
    for (int i = 0; i < heldWaitTries; ++i) {
        auto backing = [&] {
            ScopedCapability raised(Capability::readSearch);
            return loopBacking(device);
        }();
        if (!backing || backing->file != file) {
            return false;
        }
        sleepMicros(10'000);
    }
    return true;
}

// Finds the request, sees to the privilege and the lock, and does the work.
template <class Work>
Outcome locked(const Policy& policy, const Caller& caller, std::string_view name, Purpose purpose,
               Work work) {
    auto request = findRequest(policy, caller, name, purpose);
    if (!request) {
        return refusal(name, request.error());
    }
    if (std::string missing = missingPrivilege(); !missing.empty()) {
        return withPaths(*request, failure(exitPrivilege, std::move(missing)));
    }
    auto control = lockLoops();
    if (!control) {
        return withPaths(*request, failure(control.error()));
    }
    return work(*request, control->get());
}

} // namespace

Result<UniqueFd> lockLoops() {
    auto fd = [] {
        ScopedCapability raised(Capability::readSearch);
        return openLoopControl();
    }();
    if (!fd) {
        return fd.error();
    }
    auto held = waitForLoopControl(fd->get());
    if (!held) {
        return held.error();
    }
    return fd;
}

Outcome performMount(const MountRequest& request, int control, Repeat repeat) {
    auto place = openMountPoint(request.mountpoints.get(), request.name, request.target);
    auto before = place ? statAt(place->get(), "", request.target) : Result<FileStat>(place.error());
    if (!before) {
        return refusal(request, before.error());
    }
    auto image = openImageOf(*request.rule, request.images.get(), request.file);
    if (!image) {
        return refusal(request, image.error());
    }
    if (before->mountRoot) {
        return alreadyMounted(request, identifyMount(request, *before, image->stat), before->mountId);
    }
    for (auto check : {checkMountPoint(place->get(), *before, request.target), checkCount(request)}) {
        if (!check) {
            return refusal(request, check.error());
        }
    }
    auto info = inspectImage(image->fd.get(), request.imagePath);
    if (!info) {
        return withPaths(request, failure(info.error()));
    }
    image->type = info->type();
    Outcome out;
    auto id = attachAndMove(request, control, *image, place->get(), *before, repeat, out.device);
    if (!id) {
        return withPaths(request, failure(id.error())); // closing the loop device has freed it
    }
    out.result = "mounted";
    out.file = image->stat.key;
    out.mountId = *id;
    return withPaths(request, std::move(out));
}

Outcome performUmount(const MountRequest& request) {
    auto place = statAt(request.mountpoints.get(), request.name.c_str(), request.target);
    if (!place) {
        return refusal(request, place.error());
    }
    Outcome out;
    Mounted mounted =
        identifyMount(request, *place, statAt(request.images.get(), request.file.c_str(), request.imagePath));
    switch (mounted.standing) {
    case Standing::nothing:
        out.result = "not mounted";
        return withPaths(request, std::move(out));
    case Standing::other:
        return withPaths(request, failure(exitOccupied, "something else is mounted here"));
    case Standing::lastCopy:
        return withPaths(request,
                         failure(exitOccupied, "its image was deleted: this mount is the last copy"));
    default:
        break;
    }
    {
        ScopedCapability raised(Capability::sysAdmin);
        // By the parent's descriptor and a name: a descriptor on the mount itself would keep it busy.
        std::string path = fdPath(request.mountpoints.get(), request.name);
        if (abi::umount2(path.c_str(), abi::umountNofollow) != 0) {
            SysError error = lastError("umount2", request.target, "umount");
            error.reason = error.code == EBUSY    ? "a process uses it"
                           : error.code == EINVAL ? "the kernel keeps this mount: another namespace made it"
                                                  : "";
            return withPaths(request, failure(error));
        }
    }
    out.result = "unmounted";
    out.file = mounted.file;
    out.stillHeld = isStillHeld(place->key.dev, mounted.file);
    return withPaths(request, std::move(out));
}

Outcome mountName(const Policy& policy, const Caller& caller, std::string_view name) {
    return locked(policy, caller, name, Purpose::mount, [](const MountRequest& request, int control) {
        return performMount(request, control, Repeat::last);
    });
}

Outcome umountName(const Policy& policy, const Caller& caller, std::string_view name) {
    return locked(policy, caller, name, Purpose::umount,
                  [](const MountRequest& request, int) { return performUmount(request); });
}

} // namespace ksquash::helper
