// umountTarget of mount.h: by the parent's descriptor and a name, since a descriptor on the mount itself
// would keep it busy. Never lazy unless asked: a detached mount lives on where nobody sees it.
#include "../base/abi.h"
#include "../loop/lock.h"
#include "../loop/loop.h"
#include "../tree/directory.h"
#include "holders.h"
#include "mount.h"

#include <sys/sysmacros.h>

namespace ksquash {

namespace {

constexpr int unboundWaitMs = 500;

SysError notMounted(const std::string& target) {
    return makeError(EINVAL, "umount", target, "target", "not a mount point");
}

// There may be none: see below.
void release(Result<ControlLock>& lock) {
    if (lock) {
        lock->release();
    }
}

std::string explain(int code, const std::string& target) {
    if (code == EPERM) {
        return "CAP_SYS_ADMIN is missing";
    }
    if (code == EINVAL) {
        return "the kernel keeps this mount: it was made in another mount namespace";
    }
    if (code != EBUSY) {
        return {};
    }
    auto holders = findHolders(target);
    return holders && !holders->empty() ? "in use by " + nameHolders(*holders) : "in use";
}

} // namespace

Result<UmountResult> umountTarget(const std::string& target, bool lazy, std::optional<FileKey> expect,
                                  const Control& control) {
    // Without the device there is no lock to take, and no privilege is lost: the kernel still decides.
    auto lock = lockLoopControl(control);
    if (!lock && (lock.error().code == EBUSY || lock.error().code == ECANCELED)) {
        return lock.error();
    }
    auto place = openParent(target);
    if (!place) {
        return withStep(place.error(), "target");
    }
    auto stat = statAt(place->parent.get(), place->name.c_str(), target);
    if (!stat) {
        return withStep(stat.error(), "target");
    }
    if (!stat->mountRoot) {
        return notMounted(target);
    }
    auto backing = loopIdentity(stat->key.dev);
    if (expect && !(backing && backing->file == *expect)) {
        return makeError(ESTALE, "umount", target, "target",
                         "what is mounted here is not the image that was meant");
    }
    int flags = abi::umountNofollow | (lazy ? abi::mntDetach : 0);
    std::string path = fdPath(place->parent.get(), place->name);
    if (abi::umount2(path.c_str(), flags) != 0) {
        SysError error = lastError("umount2", target, "umount");
        release(lock); // looking for holders takes its time
        error.reason = explain(error.code, target);
        return error;
    }
    // The device is free at once nearly always; a wait is nobody else's business.
    UmountResult out;
    out.stillHeld = backing && isStillBound(stat->key.dev, *backing);
    release(lock);
    if (out.stillHeld) {
        out.stillHeld = !waitUnbound(stat->key.dev, *backing, unboundWaitMs);
    }
    return out;
}

} // namespace ksquash
