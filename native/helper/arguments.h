// The words of the command line: exactly one of the forms, or nothing. Pure and without heap: views into
// argv.
#pragma once

#include <string_view>

namespace ksquash::helper {

constexpr const char* usage =
    "ksquash-helper [--json] mount|umount|status NAME, or status, boot, unboot, --version";

struct Arguments {
    bool json = false;
    std::string_view verb;
    std::string_view name;
    bool hasName = false;
};

// False for anything that is not exactly one of the forms. `values` as main() has them, the program's name
// first.
bool parseArguments(int count, const char* const* values, Arguments& out);

} // namespace ksquash::helper
