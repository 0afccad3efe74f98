// libFuzzer on the helper's command line: whatever the words are, only the forms of its usage are accepted.
#include "../helper/arguments.h"

#include "../helper/policy.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

using namespace ksquash::helper;

// The words are separated by NUL, as in /proc/PID/cmdline; there may be none at all, not even the program's
// name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::vector<std::string> words;
    for (size_t at = 0; at < size;) {
        words.emplace_back(reinterpret_cast<const char*>(data) + at, 0);
        for (; at < size && data[at] != 0; ++at) {
            words.back().push_back(static_cast<char>(data[at]));
        }
        ++at;
    }
    std::vector<const char*> values;
    for (const std::string& word : words) {
        values.push_back(word.c_str());
    }
    values.push_back(nullptr);
    Arguments out;
    if (!parseArguments(static_cast<int>(words.size()), values.data(), out)) {
        return 0;
    }
    size_t wanted = 2 + (out.json ? 1 : 0) + (out.hasName ? 1 : 0);
    bool alone = out.verb == "boot" || out.verb == "unboot" || out.verb == "--version";
    bool named = out.verb == "mount" || out.verb == "umount";
    bool good = words.size() == wanted && (alone ? !out.hasName : named ? out.hasName : out.verb == "status");
    if (!good || (out.hasName && (!isName(out.name) || out.name.size() > 200))) {
        abort();
    }
    return 0;
}
