// The order is the point: everything that can be refused without privilege is refused first, each capability
// is effective around its own calls only, and nobody sees the mount before it is checked.
#include "verbs.h"
#include "../core/abi.h"
#include "../core/detached.h"
#include "../core/lock.h"
#include "../core/superblock.h"
#include "privilege.h"

#include <sys/sysmacros.h>

namespace ksquash::helper {

namespace {

constexpr int heldWaitTries = 50; // of 10 ms: udev may look at the device when it is freed

SysError changed(const Job& job) {
    return makeError(EBUSY, "", job.target, "place-changed", "the mount point was changed meanwhile");
}

Status checkCount(const Job& job) {
    if (job.rule->maxMounts == unlimited) {
        return Done{};
    }
    auto count = countMounts(job.mountpoints.get(), job.rule->mountpoints);
    if (!count) {
        return count.error();
    }
    if (*count >= job.rule->maxMounts) {
        return makeError(EPERM, "", job.target, "place", "the rule's max_mounts are reached");
    }
    return Done{};
}

// The mount, where nobody sees it. Reading through it is the caller's right, or not: that says nothing of it.
Result<UniqueFd> makeMount(const Job& job, const LoopDevice& loop, const char* type) {
    auto options = parseOptions("");
    if (!options) {
        return options.error();
    }
    options->type = type;
    auto mount = [&] {
        Raised raised(Capability::sysAdmin);
        return createMount(loop, *options, job.imagePath);
    }();
    if (!mount) {
        return mount.error();
    }
    auto stat = statAt(mount->get(), "", job.imagePath);
    if (!stat) {
        return stat.error();
    }
    if (stat->key.dev != loop.rdev) {
        return makeError(ESTALE, "statx", job.imagePath, "probe-read",
                         "the mount is not of the loop device made for it");
    }
    auto read = readThrough(mount->get(), loop.rdev, job.imagePath);
    if (!read && read.error().code != EACCES) {
        return read.error();
    }
    return mount;
}

Result<uint64_t> attachAndMove(const Job& job, int control, const Image& image, int place,
                               const FileStat& before, Repeat repeat, std::string& device) {
    auto loop = [&] {
        Raised raised(Capability::readSearch);
        return attachLoop(control, image.fd.get(), job.imagePath);
    }();
    if (repeat == Repeat::last) {
        forget(Capability::readSearch);
    }
    if (!loop) {
        return loop.error();
    }
    device = loop->path();
    auto mount = makeMount(job, *loop, image.type);
    if (!mount) {
        return mount.error();
    }
    auto id = statAt(mount->get(), "", job.target);
    auto again = openMountPoint(job.mountpoints.get(), job.name, job.target);
    auto now = again ? statAt(again->get(), "", job.target) : Result<FileStat>(again.error());
    if (!id || !now || now->key != before.key || now->mountId != before.mountId || now->mountRoot) {
        return changed(job);
    }
    Raised raised(Capability::sysAdmin);
    constexpr unsigned byDescriptors = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    if (abi::moveMount(mount->get(), "", place, "", byDescriptors) != 0) {
        return lastError("move_mount", job.target, "move");
    }
    return id->mountId;
}

Outcome alreadyMounted(const Job& job, const Mounted& mounted, uint64_t mountId) {
    if (mounted.standing != Standing::current) {
        bool older = mounted.standing == Standing::stale;
        return about(job, failure(exitOccupied, older ? "an older image is mounted here: unmount it first"
                                                      : "something else is mounted here"));
    }
    Outcome out;
    out.result = "already";
    out.device = mounted.device;
    out.file = mounted.file;
    out.mountId = mountId;
    return about(job, std::move(out));
}

// Another mount namespace may keep the image: said, not waited for beyond a moment.
bool isStillHeld(dev_t device, const FileKey& file) {
    for (int i = 0; i < heldWaitTries; ++i) {
        auto backing = [&] {
            Raised raised(Capability::readSearch);
            return loopBacking(device);
        }();
        if (!backing || backing->file != file) {
            return false;
        }
        sleepMicros(10'000);
    }
    return true;
}

// Finds the job, sees to the privilege and the lock, and does the work.
template <class Work>
Outcome locked(const Policy& policy, const Caller& caller, std::string_view name, Purpose purpose,
               Work work) {
    auto job = findJob(policy, caller, name, purpose);
    if (!job) {
        return refusal(name, job.error());
    }
    if (std::string missing = missingPrivilege(); !missing.empty()) {
        return about(*job, failure(exitPrivilege, std::move(missing)));
    }
    auto control = lockLoops();
    if (!control) {
        return about(*job, failure(control.error()));
    }
    return work(*job, control->get());
}

} // namespace

Result<UniqueFd> lockLoops() {
    auto fd = [] {
        Raised raised(Capability::readSearch);
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

Outcome mountJob(const Job& job, int control, Repeat repeat) {
    auto place = openMountPoint(job.mountpoints.get(), job.name, job.target);
    auto before = place ? statAt(place->get(), "", job.target) : Result<FileStat>(place.error());
    if (!before) {
        return refusal(job, before.error());
    }
    auto image = openImageOf(*job.rule, job.images.get(), job.file);
    if (!image) {
        return refusal(job, image.error());
    }
    if (before->mountRoot) {
        return alreadyMounted(job, judge(job, *before, image->stat), before->mountId);
    }
    for (auto check : {checkMountPoint(place->get(), *before, job.target), checkCount(job)}) {
        if (!check) {
            return refusal(job, check.error());
        }
    }
    auto info = inspectImage(image->fd.get(), job.imagePath);
    if (!info) {
        return about(job, failure(info.error()));
    }
    image->type = info->type();
    Outcome out;
    auto id = attachAndMove(job, control, *image, place->get(), *before, repeat, out.device);
    if (!id) {
        return about(job, failure(id.error())); // closing the loop device has freed it
    }
    out.result = "mounted";
    out.file = image->stat.key;
    out.mountId = *id;
    return about(job, std::move(out));
}

Outcome umountJob(const Job& job) {
    auto place = statAt(job.mountpoints.get(), job.name.c_str(), job.target);
    if (!place) {
        return refusal(job, place.error());
    }
    Outcome out;
    Mounted mounted = judge(job, *place, statAt(job.images.get(), job.file.c_str(), job.imagePath));
    switch (mounted.standing) {
    case Standing::nothing:
        out.result = "not mounted";
        return about(job, std::move(out));
    case Standing::other:
        return about(job, failure(exitOccupied, "something else is mounted here"));
    case Standing::lastCopy:
        return about(job, failure(exitOccupied, "its image was deleted: this mount is the last copy"));
    default:
        break;
    }
    {
        Raised raised(Capability::sysAdmin);
        // By the parent's descriptor and a name: a descriptor on the mount itself would keep it busy.
        std::string path = fdPath(job.mountpoints.get(), job.name);
        if (abi::umount2(path.c_str(), abi::umountNofollow) != 0) {
            SysError error = lastError("umount2", job.target, "umount");
            error.reason = error.code == EBUSY    ? "a process uses it"
                           : error.code == EINVAL ? "the kernel keeps this mount: another namespace made it"
                                                  : "";
            return about(job, failure(error));
        }
    }
    out.result = "unmounted";
    out.file = mounted.file;
    out.stillHeld = isStillHeld(place->key.dev, mounted.file);
    return about(job, std::move(out));
}

Outcome mountName(const Policy& policy, const Caller& caller, std::string_view name) {
    return locked(policy, caller, name, Purpose::mount,
                  [](const Job& job, int control) { return mountJob(job, control, Repeat::last); });
}

Outcome umountName(const Policy& policy, const Caller& caller, std::string_view name) {
    return locked(policy, caller, name, Purpose::umount, [](const Job& job, int) { return umountJob(job); });
}

} // namespace ksquash::helper
