// Compares an image with a tree, entry by entry and byte by byte, or lists one of them, hashing every file.
// Owns the pairing of names and the verdict on each entry; content.h reads and hashes; mounting is
// detached's.
#pragma once

#include "../base/control.h"
#include "difference.h"
#include "entry.h"

namespace ksquash {

struct TreeRequest {
    std::string tree;                 // "" to list an image
    std::string image;                // "" to list a tree
    std::vector<std::string> exclude; // names in the tree's top directory that are left out
    unsigned jobs = 0;                // threads; 0: the number of processors
    bool content = true;              // false: files are counted, not read; the list is empty then
    bool subset = false;              // entries missing from the tree are no difference
};

struct Comparison {
    TreeList list; // of the image
    std::vector<Difference> differences;
    uint64_t differenceCount = 0;
    std::string snapshot; // of the tree
};

Result<Comparison> compareTree(const TreeRequest& request, const Control& control);
Result<TreeList> listTree(const TreeRequest& request, const Control& control);

} // namespace ksquash
