// Looking at one file: its identity, its statx(2) answer, its link target, its extended attributes, its
// bytes. Everything goes by descriptor and one name, never through a link. Leaves directories to
// tree/directory.
#pragma once

#include "sys.h"

#include <cstdint>
#include <sys/stat.h>
#include <sys/types.h>
#include <vector>

namespace ksquash {

// Identity of a file. Never compare files by name: an image may be replaced under its name.
struct FileKey {
    dev_t dev = 0;
    ino_t ino = 0;
    bool operator==(const FileKey&) const = default;
    // "DEV:INO", both decimal.
    std::string text() const;
};

// Reads "DEV:INO"; false when it is anything else.
bool parseFileKey(std::string_view text, FileKey& out);

struct FileTime {
    int64_t seconds = 0;
    uint32_t nanoseconds = 0;
    bool operator==(const FileTime&) const = default;
};

struct FileStat {
    FileKey key;
    uint64_t size = 0;
    uint64_t mountId = 0;
    FileTime mtime;
    FileTime ctime;
    uint32_t mode = 0;
    uint32_t links = 0;
    uint32_t uid = 0;
    uint32_t gid = 0;
    dev_t rdev = 0;
    bool mountRoot = false;
    bool uniqueMountId = false; // mountId is STATX_MNT_ID_UNIQUE (6.8), which is never reused

    bool isDirectory() const { return S_ISDIR(mode); }
    bool isRegular() const { return S_ISREG(mode); }
    bool isLink() const { return S_ISLNK(mode); }
};

// statx(2) of `name` below `dir`, not through a link; an empty name means `dir` itself. `path` is for the
// error.
Result<FileStat> statAt(int dir, const char* name, std::string_view path);
// statx(2) of a path through every link, as a caller of the path would see it.
Result<FileStat> statPath(const std::string& path, bool follow);

// The target of the link `name` below `dir`.
Result<std::string> readLinkAt(int dir, const char* name, std::string_view path);
// The whole of a small file, e.g. below /proc. At most `limit` bytes: EFBIG beyond.
Result<std::string> readSmallFile(const std::string& path, size_t limit = size_t{64} << 20U);

// Reads up to `size` bytes at `offset`, retrying short reads; less only at the end of the file.
Result<size_t> readAt(int fd, void* buffer, size_t size, uint64_t offset, std::string_view path);

struct Xattr {
    std::string name;
    std::string value;
    bool operator==(const Xattr&) const = default;
};

// All extended attributes but security.*, by name: of an open file, or (`fd` -1) of what `procPath` names,
// which is "/proc/self/fd/DIR/NAME" for links and special files. `path` is for the error.
Result<std::vector<Xattr>> readXattrs(int fd, const std::string& procPath, std::string_view path);

} // namespace ksquash
