// getdents64(2) without a DIR: one buffer, one descriptor, and errors that name the path.
#include "directory.h"

#include <cstring>
#include <fcntl.h>
#include <memory>
#include <span>
#include <sys/syscall.h>
#include <unistd.h>

namespace ksquash {

namespace {

constexpr size_t wholeBuffer = size_t{64} * 1024; // few calls for a large directory
constexpr size_t firstBuffer = 512;               // one name of 255 bytes, and the dots

// What getdents64(2) fills in; d_name follows.
struct RawEntry {
    uint64_t ino;
    int64_t next;
    uint16_t length;
    uint8_t type;
};
constexpr size_t nameOffset = 19; // packed: after the type, without padding

bool isDots(const char* name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

// Calls `visit` for each entry until it returns false.
template <class Visit> Status eachEntry(int fd, std::string_view path, std::span<char> buffer, Visit visit) {
    for (;;) {
        long got = syscall(SYS_getdents64, fd, buffer.data(), buffer.size());
        if (got < 0) {
            return lastError("getdents64", std::string(path));
        }
        if (got == 0) {
            return Done{};
        }
        for (size_t at = 0; at < static_cast<size_t>(got);) {
            RawEntry raw{};
            memcpy(&raw, buffer.data() + at, nameOffset);
            const char* name = buffer.data() + at + nameOffset;
            if (!isDots(name) && !visit(name, raw.ino)) {
                return Done{};
            }
            at += raw.length;
        }
    }
}

} // namespace

Result<UniqueFd> openDirectory(int dir, const char* name, std::string_view path) {
    UniqueFd fd(openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) {
        return lastError("open", std::string(path));
    }
    return fd;
}

Result<UniqueFd> openTop(const std::string& path) {
    return openDirectory(AT_FDCWD, path.c_str(), path);
}

Result<UniqueFd> openFile(int dir, const char* name, std::string_view path) {
    // O_NONBLOCK: should the file have become a FIFO since it was looked at, open must not hang.
    const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    // O_NOATIME is the owner's or CAP_FOWNER's only, open(2).
    UniqueFd fd(openat(dir, name, flags | O_NOATIME));
    if (!fd && errno == EPERM) {
        fd.reset(openat(dir, name, flags));
    }
    if (!fd) {
        return lastError("open", std::string(path));
    }
    return fd;
}

Result<std::vector<Name>> readNames(int fd, std::string_view path) {
    std::vector<Name> out;
    std::unique_ptr<char[]> buffer(new char[wholeBuffer]);
    auto done = eachEntry(fd, path, {buffer.get(), wholeBuffer}, [&](const char* name, uint64_t ino) {
        out.push_back(Name{name, ino});
        return true;
    });
    if (!done) {
        return done.error();
    }
    return out;
}

Result<std::string> firstName(int fd, std::string_view path) {
    std::string out;
    char buffer[firstBuffer];
    auto done = eachEntry(fd, path, buffer, [&](const char* name, uint64_t) {
        out = name;
        return false;
    });
    if (!done) {
        return done.error();
    }
    return out;
}

std::string joinPath(std::string_view parent, std::string_view name) {
    if (parent == ".") {
        return std::string(name);
    }
    std::string out(parent);
    if (!out.ends_with('/')) {
        out += '/';
    }
    out += name;
    return out;
}

Result<ParentAndName> openParent(const std::string& path) {
    size_t end = path.find_last_not_of('/');
    std::string trimmed = end == std::string::npos ? std::string() : path.substr(0, end + 1);
    size_t slash = trimmed.rfind('/');
    ParentAndName out;
    out.name = slash == std::string::npos ? trimmed : trimmed.substr(slash + 1);
    out.parentPath = slash == std::string::npos ? "." : trimmed.substr(0, slash == 0 ? 1 : slash);
    if (out.name.empty() || isDots(out.name.c_str())) {
        return makeError(EINVAL, "open", path, "", "it has no name in a parent directory");
    }
    out.parent.reset(open(out.parentPath.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!out.parent) {
        return lastError("open", path);
    }
    return out;
}

Status syncDirectory(int fd, std::string_view path) {
    if (fsync(fd) != 0) {
        return lastError("fsync", std::string(path));
    }
    return Done{};
}

} // namespace ksquash
