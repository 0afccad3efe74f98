// umountTarget of mount.h: by the parent's descriptor and a name, since a descriptor on the mount itself
// would keep it busy. Never lazy unless asked: a detached mount lives on where nobody sees it.
#include "abi.h"
#include "lock.h"
#include "loop.h"
#include "mount.h"
#include "mountinfo.h"
#include "walk.h"

#include <climits>
#include <cstdlib>
#include <sys/sysmacros.h>

namespace ksquash {

namespace {

constexpr int unboundWaitMs = 500;

SysError notMounted(const std::string& target) {
    return makeError(EINVAL, "umount", target, "target", "not a mount point");
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
    char resolved[PATH_MAX];
    auto rows = readMountinfo();
    if (rows && realpath(target.c_str(), resolved) != nullptr) {
        if (const MountRow* below = findMountBelow(*rows, resolved)) {
            return "another file system is mounted below it, at " + escapePath(below->target);
        }
    }
    return "a process uses it";
}

} // namespace

Result<UmountResult> umountTarget(const std::string& target, bool lazy, std::optional<FileKey> expect) {
    // Without the device there is no lock to take, and no privilege is lost: the kernel still decides.
    auto lock = lockLoopControl();
    if (!lock && lock.error().code == EBUSY) {
        return lock.error();
    }
    auto place = openParent(target);
    if (!place) {
        return place.error();
    }
    auto stat = statAt(place->parent.get(), place->name.c_str(), target);
    if (!stat) {
        return stat.error();
    }
    if (!stat->mountRoot) {
        return notMounted(target);
    }
    auto backing = loopBacking(stat->key.dev);
    if (expect && !(backing && backing->file == *expect)) {
        return makeError(ESTALE, "umount", target, "target",
                         "what is mounted here is not the image that was meant");
    }
    int flags = abi::umountNofollow | (lazy ? abi::mntDetach : 0);
    std::string path = fdPath(place->parent.get(), place->name);
    if (abi::umount2(path.c_str(), flags) != 0) {
        SysError error = lastError("umount2", target, "umount");
        error.reason = explain(error.code, target);
        return error;
    }
    lock = UniqueFd(); // the wait below is nobody else's business
    UmountResult out;
    if (backing) {
        out.stillHeld = !waitUnbound(stat->key.dev, backing->file, unboundWaitMs);
    }
    return out;
}

} // namespace ksquash
