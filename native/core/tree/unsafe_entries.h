// Finds what in a tree is not one user's alone: before a program runs there with that user's or root's
// rights.
#pragma once

#include "../base/sys.h"

#include <cstdint>
#include <vector>

namespace ksquash {

// Paths at or below `path` (a link at `path` itself is not followed) that another user owns, or that others
// than `uid` may write; the first `limit`, raw bytes. Symbolic links count by owner only. `groups` have no
// other members: they may write what has no ACL.
Result<std::vector<std::string>> unsafeEntries(const std::string& path, uint32_t uid,
                                               const std::vector<uint32_t>& groups, size_t limit = 20);

// Does what `path` leads to have an access control list beside its mode? acl(5), nfs4_acl(5).
Result<bool> hasAcl(const std::string& path);

} // namespace ksquash
