// One row a kind, in the order of the enum: its name in JavaScript, and what stands before and behind the
// detail.
#include "difference.h"

#include <cstddef>
#include <iterator>

namespace ksquash {

namespace {

struct Words {
    const char* name;
    const char* before;
    const char* behind;
};

constexpr Words words[] = {
    {"missing-in-image", "only in the tree", ""},
    {"missing-in-source", "only in the image", ""},
    {"type", "type ", ""},
    {"mode", "mode ", ""},
    {"size", "size ", ""},
    {"time", "time ", ""},
    {"device", "device ", ""},
    {"link-target", "link target ", ""},
    {"content", "content", ""},
    {"xattr", "xattr ", ""},
    {"owner", "owner ", " in the image"},
    {"other-file-system", "on another file system", ""},
    {"changed", "changed while it was read", ""},
};
static_assert(std::size(words) == static_cast<size_t>(DifferenceKind::changed) + 1);

} // namespace

const char* kindName(DifferenceKind kind) {
    return words[static_cast<size_t>(kind)].name;
}

std::string differenceText(const Difference& difference) {
    const Words& row = words[static_cast<size_t>(difference.kind)];
    return row.before + difference.detail + row.behind;
}

} // namespace ksquash
