// openat2(2) one component at a time, and statx(2) of what was opened, never of a name.
#include "trusted_paths.h"
#include "../core/base/abi.h"
#include "../core/loop/loop.h"
#include "../core/table/mountinfo.h"
#include "../core/tree/directory.h"

#include <algorithm>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

namespace ksquash::helper {

namespace {

// Why others than root could have made or could change a file, or why it is not what the policy means.
enum class Distrust { none, owner, writable, served, notRegular, hardLink, tooLarge };

std::string distrustText(Distrust why, const FileStat& stat) {
    switch (why) {
    case Distrust::owner:
        return "belongs to the user " + std::to_string(stat.uid);
    case Distrust::writable:
        return "can be written by others";
    case Distrust::served:
        return "is served by a user's process (FUSE)";
    case Distrust::notRegular:
        return "is not a regular file";
    case Distrust::hardLink:
        return "has another name, too (a hard link)";
    case Distrust::tooLarge:
        return "is larger than the rule's max_size";
    default:
        return {};
    }
}

SysError makeTrustError(const std::string& path, Distrust why, const FileStat& stat) {
    return makeError(EPERM, "", path, "place", distrustText(why, stat));
}

// Does a process of another user's serve this file system by FUSE? Then owners and modes are what that
// process says. The kernel names the user among the options of the mount; virtiofs, of the same type, has
// none.
bool isServedByUser(int fd, const FileStat& stat) {
    struct statfs system {};
    if (fstatfs(fd, &system) != 0) {
        return true;
    }
    auto rows = system.f_type == FUSE_SUPER_MAGIC ? readMountinfo() : std::vector<MountRow>();
    return !rows || std::any_of(rows->begin(), rows->end(), [&](const MountRow& row) {
        std::string options = row.superOptions + ",";
        return makedev(row.deviceMajor, row.deviceMinor) == stat.key.dev &&
               options.find("user_id=") != std::string::npos &&
               options.find("user_id=0,") == std::string::npos;
    });
}

Distrust checkTrust(int fd, const FileStat& stat) {
    return stat.uid != 0              ? Distrust::owner
           : (stat.mode & 022U) != 0  ? Distrust::writable
           : isServedByUser(fd, stat) ? Distrust::served
                                      : Distrust::none;
}

Result<UniqueFd> openBeneath(int directory, const char* name, uint64_t flags, const std::string& path) {
    struct open_how how {};
    how.flags = flags | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    UniqueFd fd(abi::openat2(directory, name, &how));
    if (!fd) {
        return lastError("openat2", path, "place");
    }
    return fd;
}

} // namespace

Result<UniqueFd> openTrustedDirectory(std::string_view path) {
    UniqueFd here(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    std::string name = "/";
    for (std::string_view rest = path.substr(1); here;) {
        auto stat = statAt(here.get(), "", name);
        if (!stat) {
            return stat.error();
        }
        if (Distrust why = checkTrust(here.get(), *stat); why != Distrust::none) {
            return makeTrustError(name, why, *stat);
        }
        if (rest.empty()) {
            return here;
        }
        size_t slash = rest.find('/');
        std::string part(rest.substr(0, slash));
        rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
        name = joinPath(name, part);
        auto next = openBeneath(here.get(), part.c_str(), O_PATH | O_DIRECTORY, name);
        if (!next) {
            return next.error();
        }
        here = std::move(*next);
    }
    return lastError("open", "/", "place");
}

Result<size_t> readPolicy(const char* path, char* buffer) {
    std::string whole(path);
    size_t slash = whole.rfind('/');
    auto directory = openTrustedDirectory(std::string_view(whole).substr(0, slash));
    if (!directory) {
        return directory.error();
    }
    auto file =
        openBeneath(directory->get(), whole.c_str() + slash + 1, O_RDONLY | O_NONBLOCK | O_NOCTTY, whole);
    if (!file) {
        return file.error();
    }
    auto stat = statAt(file->get(), "", whole);
    if (!stat) {
        return stat.error();
    }
    Distrust why = stat->isRegular() ? checkTrust(file->get(), *stat) : Distrust::notRegular;
    if (why != Distrust::none) {
        return makeTrustError(whole, why, *stat);
    }
    return readAt(file->get(), buffer, maxPolicySize + 1, 0, whole);
}

Result<Image> openImageOf(const Rule& rule, int directory, const std::string& file) {
    std::string path = joinPath(rule.images, file);
    const uint64_t flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
    auto fd = openBeneath(directory, file.c_str(), flags, path);
    if (!fd) {
        return fd.error();
    }
    auto stat = statAt(fd->get(), "", path);
    if (!stat) {
        stat.error().step = "place";
        return stat.error();
    }
    Distrust why = !stat->isRegular()          ? Distrust::notRegular
                   : stat->links != 1          ? Distrust::hardLink
                   : stat->size > rule.maxSize ? Distrust::tooLarge
                                               : checkTrust(fd->get(), *stat);
    if (why != Distrust::none) {
        return makeTrustError(path, why, *stat);
    }
#ifdef KSQUASH_TEST_CHECK_BY_NAME
    // For the test of the swap race only: what was checked is not what is mounted. That test must fail.
    fd = openBeneath(directory, file.c_str(), flags, path);
    if (!fd) {
        return fd.error();
    }
#endif
    return Image{std::move(*fd), *stat};
}

Result<UniqueFd> openMountPoint(int directory, const std::string& name, const std::string& path) {
    return openBeneath(directory, name.c_str(), O_PATH | O_DIRECTORY, path);
}

Status checkMountPoint(int fd, const FileStat& stat, const std::string& path) {
    if (Distrust why = checkTrust(fd, stat); why != Distrust::none) {
        return makeTrustError(path, why, stat);
    }
    auto directory = openDirectory(fd, ".", path);
    if (!directory) {
        directory.error().step = "place";
        return directory.error();
    }
    return Done{};
}

Result<uint64_t> countMounts(int directory, std::string_view path) {
    auto open = openDirectory(directory, ".", path);
    if (!open) {
        open.error().step = "place";
        return open.error();
    }
    auto names = readNames(open->get(), path);
    if (!names) {
        return names.error();
    }
    uint64_t count = 0;
    for (const Name& entry : *names) {
        auto stat = statAt(open->get(), entry.name.c_str(), path);
        count += stat && stat->mountRoot && major(stat->key.dev) == loopMajor ? 1 : 0;
    }
    return count;
}

} // namespace ksquash::helper
