// libFuzzer on the helper's policy reader: no text crashes it, and what it accepts obeys its own law.
#include "../helper/values.h"

#include <cstdlib>
#include <string>

using namespace ksquash::helper;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static Policy policy;
    std::string_view text(reinterpret_cast<const char*>(data), size);
    if (parsePolicy(text, policy).reason != nullptr) {
        return 0;
    }
    bool good = size <= maxPolicySize && text.find('\0') == std::string_view::npos &&
                text.find('\r') == std::string_view::npos && policy.count <= maxRules;
    for (const Rule& rule : policy.all()) {
        good = good && isName(rule.name) && isCleanPath(rule.images) && isCleanPath(rule.mountpoints) &&
               !isForbidden(rule.mountpoints) && rule.suffix.starts_with('.') &&
               rule.suffix.find('/') == std::string_view::npos && rule.uids.count <= maxIds &&
               rule.gids.count <= maxIds;
        // Who is not named is not permitted.
        const uint32_t nobody = 0xffffffff;
        good = good && !permits(rule, nobody, {}) && permits(rule, 0, {});
    }
    if (!good) {
        abort();
    }
    return 0;
}
