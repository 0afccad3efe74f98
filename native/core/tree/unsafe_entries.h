// Finds what in a tree is not one user's alone: before a program runs there with that user's or root's
// rights.
#pragma once

#include "../base/sys.h"

#include <cstdint>
#include <vector>

namespace ksquash {

// Paths at or below `path` (a link at `path` itself is not followed) that another user owns, or that others
// than `uid` may write; the first `limit`, raw bytes. Symbolic links count by owner only.
Result<std::vector<std::string>> unsafeEntries(const std::string& path, uint32_t uid, size_t limit = 20);

} // namespace ksquash
