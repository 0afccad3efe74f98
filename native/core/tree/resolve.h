// Resolves a path as if a directory were "/": no absolute link and no ".." leads out of it.
// The last component is not followed, and components that do not exist stay as they are.
#pragma once

#include "../base/sys.h"

namespace ksquash {

// The path as seen from outside: ROOT/…; ELOOP after 40 links, like the kernel.
Result<std::string> resolveInRoot(const std::string& root, const std::string& path);

} // namespace ksquash
