// statx, readlink, pread and xattrs, each with its error as data.
#include "file.h"
#include "abi.h"

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

namespace ksquash {

namespace {

// A signal may interrupt a read: it is tried again. Not for ever, since a broken FUSE server may answer EINTR
// to every one, and the thread that mounts would never end.
template <class Read> ssize_t uninterrupted(Read read) {
    constexpr int maxTries = 100;
    ssize_t got = read();
    for (int tries = 1; got < 0 && errno == EINTR && tries < maxTries; ++tries) {
        got = read();
    }
    return got;
}

} // namespace

std::string FileKey::text() const {
    return std::to_string(dev) + ":" + std::to_string(ino);
}

bool parseFileKey(std::string_view text, FileKey& out) {
    const char* end = text.data() + text.size();
    uint64_t dev = 0;
    uint64_t ino = 0;
    auto first = std::from_chars(text.data(), end, dev);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ':') {
        return false;
    }
    auto second = std::from_chars(first.ptr + 1, end, ino);
    if (second.ec != std::errc{} || second.ptr != end) {
        return false;
    }
    out = FileKey{dev, ino};
    return true;
}

namespace {

// Before 5.8 statx does not tell a mount's root; every mount that matters here has a device of its own.
bool differsFromParent(int dir, const char* name, dev_t device) {
    std::string parent = std::string(name) + (*name == '\0' ? ".." : "/..");
    struct statx raw {};
    return statx(dir, parent.c_str(), AT_SYMLINK_NOFOLLOW, 0, &raw) == 0 &&
           makedev(raw.stx_dev_major, raw.stx_dev_minor) != device;
}

Result<FileStat> callStatx(int dir, const char* name, int flags, std::string_view path) {
    struct statx raw {};
    const unsigned mask = STATX_BASIC_STATS | STATX_MNT_ID | STATX_MNT_ID_UNIQUE;
    if (statx(dir, name, flags, mask, &raw) != 0) {
        return lastError("statx", std::string(path));
    }
    FileStat out;
    out.key = FileKey{makedev(raw.stx_dev_major, raw.stx_dev_minor), raw.stx_ino};
    out.size = raw.stx_size;
    out.mountId = raw.stx_mnt_id;
    out.mtime = FileTime{raw.stx_mtime.tv_sec, raw.stx_mtime.tv_nsec};
    out.ctime = FileTime{raw.stx_ctime.tv_sec, raw.stx_ctime.tv_nsec};
    out.mode = raw.stx_mode;
    out.links = raw.stx_nlink;
    out.uid = raw.stx_uid;
    out.gid = raw.stx_gid;
    out.rdev = makedev(raw.stx_rdev_major, raw.stx_rdev_minor);
    out.mountRoot = (raw.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
    if ((raw.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0 && out.isDirectory()) {
        out.mountRoot = differsFromParent(dir, name, out.key.dev);
    }
    out.uniqueMountId = (raw.stx_mask & STATX_MNT_ID_UNIQUE) != 0;
    return out;
}

} // namespace

Result<FileStat> statAt(int dir, const char* name, std::string_view path) {
    // Without AT_NO_AUTOMOUNT a look at an autofs trigger would mount it.
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name == '\0' ? AT_EMPTY_PATH : 0);
    return callStatx(dir, name, flags, path);
}

Result<FileStat> statPath(const std::string& path, bool follow) {
    return callStatx(AT_FDCWD, path.c_str(), AT_NO_AUTOMOUNT | (follow ? 0 : AT_SYMLINK_NOFOLLOW), path);
}

Result<std::string> readLinkAt(int dir, const char* name, std::string_view path) {
    char buffer[4096]; // PATH_MAX: no link is longer, symlink(2)
    ssize_t length = readlinkat(dir, name, buffer, sizeof(buffer));
    if (length < 0) {
        return lastError("readlink", std::string(path));
    }
    return std::string(buffer, static_cast<size_t>(length));
}

Result<std::string> readSmallFile(const std::string& path, size_t limit) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
        return lastError("open", path);
    }
    std::string out;
    size_t used = 0;
    for (;;) {
        out.resize(std::max<size_t>(used * 2, 16384));
        ssize_t got = uninterrupted([&] { return read(fd.get(), out.data() + used, out.size() - used); });
        if (got < 0) {
            return lastError("read", path);
        }
        used += static_cast<size_t>(got);
        if (got == 0) {
            out.resize(used);
            return out;
        }
        if (used > limit) {
            return makeError(EFBIG, "read", path, "", "");
        }
    }
}

Result<size_t> readAt(int fd, void* buffer, size_t size, uint64_t offset, std::string_view path) {
    size_t used = 0;
    while (used < size) {
        char* to = static_cast<char*>(buffer) + used;
        ssize_t got =
            uninterrupted([&] { return pread(fd, to, size - used, static_cast<off_t>(offset + used)); });
        if (got < 0) {
            return lastError("read", std::string(path));
        }
        if (got == 0) {
            break;
        }
        used += static_cast<size_t>(got);
    }
    return used;
}

namespace {

// llistxattr and lgetxattr have the same habit: ask for the size, then find that it has grown (ERANGE).
template <class Call> Result<std::string> readGrowing(Call call, const char* name, std::string_view path) {
    std::string out(256, '\0'); // a size of 0 would only ask how much there is
    for (;;) {
        ssize_t size = call(out.data(), out.size());
        if (size >= 0 && static_cast<size_t>(size) <= out.size()) {
            out.resize(static_cast<size_t>(size));
            return out;
        }
        if (size < 0 && errno == ENOTSUP) {
            return std::string(); // a file system without extended attributes
        }
        if (size < 0 && errno != ERANGE) {
            return lastError(name, std::string(path));
        }
        size = call(nullptr, 0);
        if (size < 0) {
            return lastError(name, std::string(path));
        }
        out.resize(static_cast<size_t>(size) + 64);
    }
}

} // namespace

Result<std::vector<Xattr>> readXattrs(int fd, const std::string& procPath, std::string_view path) {
    const char* file = procPath.c_str();
    auto list = [&](char* to, size_t size) {
        return fd >= 0 ? flistxattr(fd, to, size) : llistxattr(file, to, size);
    };
    auto names = readGrowing(list, "listxattr", path);
    if (!names) {
        return names.error();
    }
    std::vector<Xattr> out;
    for (size_t at = 0; at < names->size();) {
        std::string name(names->c_str() + at);
        at += name.size() + 1;
        // Labels and capabilities belong to the machine, not to the tree; squashfs images leave them out.
        if (name.starts_with("security.")) {
            continue;
        }
        auto get = [&](char* to, size_t size) {
            return fd >= 0 ? fgetxattr(fd, name.c_str(), to, size) : lgetxattr(file, name.c_str(), to, size);
        };
        auto value = readGrowing(get, "getxattr", path);
        if (!value) {
            return value.error();
        }
        out.push_back(Xattr{std::move(name), std::move(*value)});
    }
    std::sort(out.begin(), out.end(), [](const Xattr& a, const Xattr& b) { return a.name < b.name; });
    return out;
}

} // namespace ksquash
