// Verdicts on one entry from what statx(2) and readlink(2) say of it on both sides, and the pairing of names.
// Content and xattrs are file_pair's.
#pragma once

#include "difference.h"
#include "entry.h"

namespace ksquash {

struct PairedName {
    std::string name;
    uint64_t order = 0;
    bool inTree = false;
    bool inImage = false;
};

// The names of both directories (-1: that side has none), in the order of the image's inodes.
Result<std::vector<PairedName>> pairNames(int tree, int image, std::string_view path);

// Type, mode, size, time and device, and the owner in the image. `subset`: times of directories do not count.
void compareStat(const Entry& entry, bool subset, std::vector<Difference>& found);

// Reads the targets of a link on both sides; keeps the listed one in the entry.
Status compareLinks(Entry& entry, int tree, int image, const std::string& name,
                    std::vector<Difference>& found);

} // namespace ksquash
