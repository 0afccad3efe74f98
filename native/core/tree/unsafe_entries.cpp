// A walk that stops at the limit. The group's write bit is also the mask of an ACL: where it is not set, no
// ACL lets another user write.
#include "unsafe_entries.h"
#include "directory.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/xattr.h>

namespace ksquash {

namespace {

// `at`: a path to it for calls that take no descriptor. What cannot be looked at may have an ACL.
bool isUnsafe(const FileStat& stat, const std::string& at, uint32_t uid,
              const std::vector<uint32_t>& groups) {
    if (stat.uid != uid || stat.isLink()) {
        return stat.uid != uid;
    }
    if ((stat.mode & S_IWOTH) != 0 || (stat.mode & S_IWGRP) == 0) {
        return (stat.mode & S_IWOTH) != 0;
    }
    if (std::find(groups.begin(), groups.end(), stat.gid) == groups.end()) {
        return true;
    }
    auto acl = hasAcl(at);
    return !acl || *acl;
}

struct Level {
    UniqueFd fd;
    std::vector<Name> names;
    std::string path;
};

Result<Level> enter(int dir, const char* name, std::string path) {
    auto fd = openDirectory(dir, name, path);
    if (!fd) {
        return fd.error();
    }
    auto names = readNames(fd->get(), path);
    if (!names) {
        return names.error();
    }
    return Level{std::move(*fd), std::move(*names), std::move(path)};
}

} // namespace

Result<bool> hasAcl(const std::string& path) {
    for (const char* name : {"system.posix_acl_access", "system.nfs4_acl"}) {
        if (getxattr(path.c_str(), name, nullptr, 0) >= 0) {
            return true;
        }
        if (errno != ENODATA && errno != ENOTSUP) {
            return lastError("getxattr", path);
        }
    }
    return false;
}

Result<std::vector<std::string>> unsafeEntries(const std::string& path, uint32_t uid,
                                               const std::vector<uint32_t>& groups, size_t limit) {
    std::vector<std::string> out;
    auto top = statPath(path, false);
    if (!top) {
        return top.error();
    }
    if (isUnsafe(*top, path, uid, groups)) {
        out.push_back(path);
    }
    std::vector<Level> levels;
    if (top->isDirectory()) {
        auto level = enter(AT_FDCWD, path.c_str(), path);
        if (!level) {
            return level.error();
        }
        levels.push_back(std::move(*level));
    }
    while (!levels.empty() && out.size() < limit) {
        Level& last = levels.back();
        if (last.names.empty()) {
            levels.pop_back();
            continue;
        }
        std::string name = std::move(last.names.back().name);
        last.names.pop_back();
        std::string child = joinPath(last.path, name);
        auto stat = statAt(last.fd.get(), name.c_str(), child);
        if (!stat && stat.error().code == ENOENT) {
            continue;
        }
        if (!stat) {
            return stat.error();
        }
        if (isUnsafe(*stat, fdPath(last.fd.get(), name), uid, groups)) {
            out.push_back(child);
        }
        if (stat->isDirectory()) {
            auto level = enter(last.fd.get(), name.c_str(), std::move(child));
            if (!level) {
                return level.error();
            }
            levels.push_back(std::move(*level));
        }
    }
    return out;
}

} // namespace ksquash
