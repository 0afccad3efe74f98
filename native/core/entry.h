// One entry of a tree or image as compare and list know it, the line it becomes, and the snapshot of a tree.
// Pure but for nothing: no system calls here. The line's format is a promise: manifests hold its hash.
#pragma once

#include "file.h"
#include "sha256.h"

#include <deque>
#include <optional>
#include <unordered_map>

namespace ksquash {

struct Entry {
    std::string path; // relative, "." for the top
    FileStat tree;
    FileStat image;
    bool inTree = false;
    bool inImage = false;
    std::string link; // the target, of the side that is listed
    Digest digest{};  // of a regular file's content
    std::optional<Digest> xattrs;

    // What the list describes: the image where there is one.
    const FileStat& listed() const { return inImage ? image : tree; }
};

// The order of lists: by bytes, the top first.
bool pathBefore(const std::string& a, const std::string& b);

char typeLetter(uint32_t mode);
const char* typeName(uint32_t mode);

// The sha256 over NAME "=" VALUE "\0"; nothing when there are none.
std::optional<Digest> digestXattrs(const std::vector<Xattr>& xattrs);

struct TreeList {
    uint64_t entries = 0;
    uint64_t bytes = 0;
    std::string list;
    std::string snapshot; // of a tree; empty for an image
};
// Lines in order of path, "." first.
TreeList formatList(const std::deque<Entry>& entries);

// What a snapshot keeps of an entry, to tell later whether it is still the same.
struct SeenEntry {
    FileKey key;
    uint64_t size = 0;
    FileTime mtime;
    FileTime ctime;
    uint32_t mode = 0;
    uint32_t links = 0;
};
using Snapshot = std::unordered_map<std::string, SeenEntry>;

SeenEntry seen(const FileStat& stat);
// A directory's times change with every entry that goes: there it counts only that it is the same one.
bool isStill(const SeenEntry& was, const FileStat& now);
// `compared`: only what was found on both sides; else all of a tree that was listed alone.
std::string writeSnapshot(const std::deque<Entry>& entries, bool compared);
// EINVAL when these are not a snapshot's bytes.
Result<Snapshot> readSnapshot(std::string_view bytes);

} // namespace ksquash
