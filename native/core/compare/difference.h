// How an entry of the image differs from the tree's. Whoever finds it says the kind; the words are made at
// the edge.
#pragma once

#include <string>

namespace ksquash {

enum class DifferenceKind {
    onlyInTree,
    onlyInImage,
    type,
    mode,
    size,
    time,
    device,
    linkTarget,
    content,
    xattr,
    owner,
    fileSystem,
    changed,
};

struct Difference {
    std::string path; // raw bytes
    DifferenceKind kind = DifferenceKind::content;
    std::string detail; // "TREE / IMAGE" where both have a value, else what only one has
};

// "only-in-tree"
const char* kindName(DifferenceKind kind);
// "mode 0644 / 0755", always the tree's first.
std::string differenceText(const Difference& difference);

} // namespace ksquash
