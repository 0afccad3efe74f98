// A walk that stops at the limit. The group's write bit is also the mask of an ACL, so it covers those.
#include "unsafe_entries.h"
#include "directory.h"

#include <fcntl.h>

namespace ksquash {

namespace {

bool isUnsafe(const FileStat& stat, uint32_t uid) {
    constexpr uint32_t othersWrite = S_IWGRP | S_IWOTH;
    return stat.uid != uid || (!stat.isLink() && (stat.mode & othersWrite) != 0);
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

Result<std::vector<std::string>> unsafeEntries(const std::string& path, uint32_t uid, size_t limit) {
    std::vector<std::string> out;
    auto top = statPath(path, false);
    if (!top) {
        return top.error();
    }
    if (isUnsafe(*top, uid)) {
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
        if (isUnsafe(*stat, uid)) {
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
