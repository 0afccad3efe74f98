// One form of the command line is accepted; the rest is refused as a whole.
#include "arguments.h"

#include "policy.h"

namespace ksquash::helper {

bool parseArguments(int count, const char* const* values, Arguments& out) {
    int at = 1;
    if (at < count && values[at] == std::string_view("--json")) {
        out.json = true;
        ++at;
    }
    if (at >= count) {
        return false;
    }
    out.verb = values[at++];
    out.hasName = at < count;
    if (out.hasName) {
        out.name = values[at++];
    }
    bool one = out.verb == "mount" || out.verb == "umount" || out.verb == "status";
    bool none = out.verb == "boot" || out.verb == "unboot" || out.verb == "--version" || out.verb == "status";
    return at >= count && (out.hasName ? one && isName(out.name) : none);
}

} // namespace ksquash::helper
