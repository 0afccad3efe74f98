// renameat2(2), since 3.15. A file system that lacks a flag answers EINVAL; there is no safe second way.
#include "rename.h"
#include "directory.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ksquash {

namespace {

constexpr unsigned noReplace = 1; // RENAME_NOREPLACE, linux/fs.h
constexpr unsigned exchange = 2;  // RENAME_EXCHANGE

Status renameWith(unsigned flags, const std::string& from, const std::string& to) {
    auto first = openParent(from);
    if (!first) {
        return first.error();
    }
    auto second = openParent(to);
    if (!second) {
        return second.error();
    }
    if (syscall(SYS_renameat2, first->parent.get(), first->name.c_str(), second->parent.get(),
                second->name.c_str(), flags) != 0) {
        SysError error = lastError("renameat2", from, "rename");
        error.dest = to;
        if (error.code == EINVAL) {
            error.reason = "this file system cannot do such a rename";
        }
        return error;
    }
    auto synced = syncDirectory(second->parent.get(), second->parentPath);
    if (!synced) {
        return synced.error();
    }
    return syncDirectory(first->parent.get(), first->parentPath);
}

} // namespace

Status exchangeNames(const std::string& a, const std::string& b) {
    return renameWith(exchange, a, b);
}

Status renameNew(const std::string& from, const std::string& to) {
    return renameWith(noReplace, from, to);
}

Status flushFile(const std::string& path) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) {
        return lastError("open", path);
    }
    auto stat = statAt(fd.get(), "", path);
    if (!stat) {
        return stat.error();
    }
    if (fsync(fd.get()) != 0) {
        return lastError("fsync", path);
    }
    // Returns an errno instead of setting it.
    int code = stat->isRegular() ? posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED) : 0;
    if (code != 0) {
        return makeError(code, "posix_fadvise", path, "", "");
    }
    return Done{};
}

} // namespace ksquash
