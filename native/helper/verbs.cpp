// The order is the point: everything that can be refused without privilege is refused first, each capability
// is effective around its own calls only, and nobody sees the mount before it is checked.
#include "verbs.h"
#include "../core/base/abi.h"
#include "../core/image/superblock.h"
#include "../core/loop/lock.h"
#include "../core/mount/transaction.h"
#include "privilege.h"

#include <sys/sysmacros.h>

namespace ksquash::helper {

namespace {

constexpr int heldWaitTries = 50; // of 10 ms: udev may look at the device when it is freed

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

// With the mount that stands there, or else safe to mount on.
Result<UniqueFd> openSafeMountPoint(const MountRequest& request) {
    auto place = openMountPoint(request.mountpoints.get(), request.name, request.target);
    auto stat = place ? statAt(place->get(), "", request.target) : Result<FileStat>(place.error());
    if (!stat) {
        return stat.error();
    }
    auto safe = stat->mountRoot ? Status(Done{}) : checkMountPoint(place->get(), *stat, request.target);
    if (!safe) {
        return safe.error();
    }
    return place;
}

// Each capability is effective around its own calls, and the one for loop devices is gone after the last of
// them.
class CapabilityHooks final : public MountHooks {
  public:
    // `control` is locked already; `place` is the target as it was checked.
    CapabilityHooks(const MountRequest& request, int control, UniqueFd place, Repeat repeat)
        : request_(request), control_(control), place_(std::move(place)), repeat_(repeat) {}
    Result<int> lock() override { return control_; }
    Result<UniqueFd> openTarget() override {
        return place_ ? Result<UniqueFd>(std::move(place_)) : openSafeMountPoint(request_);
    }
    void raise(Privilege which) override {
        raised_.emplace(which == Privilege::mounts ? Capability::sysAdmin : Capability::readSearch);
    }
    void drop() override { raised_.reset(); }
    void attached() override {
        if (repeat_ == Repeat::last) {
            forget(Capability::readSearch);
        }
    }

  private:
    const MountRequest& request_;
    const int control_;
    UniqueFd place_;
    const Repeat repeat_;
    std::optional<ScopedCapability> raised_;
};

// What the transaction cannot know: an image of this name that was replaced since it was mounted.
std::optional<Outcome> occupied(const MountRequest& request, const FileStat& place, const FileStat& image) {
    Standing standing = identifyMount(request, place, image).standing;
    if (!place.mountRoot || standing == Standing::current) {
        return std::nullopt;
    }
    bool older = standing == Standing::stale;
    return withPaths(request, failure(exitOccupied, older ? "an older image is mounted here: unmount it first"
                                                          : "something else is mounted here"));
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
    auto place = openSafeMountPoint(request);
    auto before = place ? statAt(place->get(), "", request.target) : Result<FileStat>(place.error());
    if (!before) {
        return refusal(request, before.error());
    }
    auto image = openImageOf(*request.rule, request.images.get(), request.file);
    if (!image) {
        return refusal(request, image.error());
    }
    if (auto other = occupied(request, *before, image->stat)) {
        return *other;
    }
    MountStack stack;
    if (!before->mountRoot) {
        if (auto few = checkCount(request); !few) {
            return refusal(request, few.error());
        }
        auto info = inspectImage(image->fd.get(), request.imagePath);
        if (!info) {
            return withPaths(request, failure(info.error()));
        }
        image->type = info->type();
    }
    stack.layers.push_back(ImageLayer{image->fd.get(), request.imagePath, image->stat.key, image->type});
    stack.target = request.target;
    stack.options = *parseOptions("");
    stack.mayBeUnreadable = true;
    CapabilityHooks hooks(request, control, std::move(*place), repeat);
    auto mounted = mountStack(stack, hooks);
    if (!mounted) {
        return withPaths(request, failure(mounted.error()));
    }
    Outcome out;
    out.result = mounted->already ? OutcomeResult::already : OutcomeResult::mounted;
    out.device = mounted->device;
    out.file = mounted->file;
    out.mountId = mounted->mountId;
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
        out.result = OutcomeResult::notMounted;
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
    out.result = OutcomeResult::unmounted;
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
