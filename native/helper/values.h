// What a value of the policy may be: paths, numbers, sizes, ids, words. Pure; leaves keys and lines to
// policy.
#pragma once

#include "policy.h"

namespace ksquash::helper {

bool isSpace(char c);
std::string_view trimmed(std::string_view text);

// Absolute, each component named, none "." or "..", no byte that a log or a shell could take for another.
bool isCleanPath(std::string_view path);
// Directories that a running system cannot do without; nothing is mounted in these themselves, and in the
// kernel's own file systems nothing at all.
bool isForbidden(std::string_view path);
// Letters, digits and "._+-".
bool isFileWord(std::string_view text, size_t longest);
// Digits only: no sign, no leading zero, at most `limit`.
bool parseNumber(std::string_view text, uint64_t limit, uint64_t& out);
// 8G, 512M, 4096
bool parseSize(std::string_view text, uint64_t& out);
bool parseIds(std::string_view text, Ids& out);
bool parseYesNo(std::string_view value, bool& out);

} // namespace ksquash::helper
