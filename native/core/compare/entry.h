// One entry of a tree or image as compare and list know it, the line it becomes, and what a snapshot holds of
// it. Pure: makes no system calls. The format of the line is stable: manifests store its hash.
#pragma once

#include "../base/file.h"
#include "../base/sha256.h"

#include <deque>
#include <optional>

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

// The bytes that tree/snapshot reads. `compared`: only what was found on both sides; else all of a tree that
// was listed alone.
std::string writeSnapshot(const std::deque<Entry>& entries, bool compared);

} // namespace ksquash
