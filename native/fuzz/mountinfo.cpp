// libFuzzer: the mount table's parser, and what is made of its rows. Seeds: real tables (scripts/fuzz.sh).
#include "../addon/mount_json.h"
#include "../core/table/mount_copies.h"

#include <cstddef>
#include <cstdlib>

using namespace ksquash;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    auto rows = parseMountinfo(text);
    for (const MountRow& row : rows) {
        // A row has what the kernel never leaves out.
        if (row.tags.size() > size || row.target.size() > size) {
            abort();
        }
    }
    std::string json = addon::toJson(rows);
    if (json.front() != '[' || json.back() != ']' || !isUtf8(json)) {
        abort();
    }
    (void)mountsBelow(rows, "/");
    return 0;
}
