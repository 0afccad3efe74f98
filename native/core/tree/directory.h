// Directories by descriptor: open one without following a link, read its names, join paths.
// Shared by compare, remove and unsafe_entries; leaves to them what an entry means and whether to descend.
#pragma once

#include "../base/file.h"

namespace ksquash {

struct Name {
    std::string name;
    uint64_t ino = 0; // as readdir says: on squashfs in the order of the image
};

// A directory below `dir` (or `dir` itself: "."), O_NOFOLLOW. `path` is for the error.
Result<UniqueFd> openDirectory(int dir, const char* name, std::string_view path);
// A path's directory; a link as last component is refused with ENOTDIR or ELOOP.
Result<UniqueFd> openTop(const std::string& path);
// A regular file for reading, O_NOFOLLOW, without touching its access time where that is allowed.
Result<UniqueFd> openFile(int dir, const char* name, std::string_view path);

// Every name but "." and "..", in the kernel's order.
Result<std::vector<Name>> readNames(int fd, std::string_view path);
// The first of them; "" in an empty directory.
Result<std::string> firstName(int fd, std::string_view path);

// "a/b" of "a" and "b"; "b" of "." and "b".
std::string joinPath(std::string_view parent, std::string_view name);

// A directory and the name in it: what renames, removals and umounts need.
struct ParentAndName {
    UniqueFd parent;
    std::string parentPath;
    std::string name;
};
// Opens the parent O_PATH-free (it can be fsynced). EINVAL for "/", "." and "..".
Result<ParentAndName> openParent(const std::string& path);
Status syncDirectory(int fd, std::string_view path);

} // namespace ksquash
