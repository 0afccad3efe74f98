// libFuzzer: escaping, UTF-8, identities, options. What goes through escapeField and the mount table's parser
// must come back.
#include "../core/base/file.h"
#include "../core/base/options.h"
#include "../core/table/mountinfo.h"

#include <cstddef>
#include <cstdlib>

using namespace ksquash;

namespace {

void require(bool good) {
    if (!good) {
        abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string raw(reinterpret_cast<const char*>(data), size);
    std::string printable = escapePath(raw);
    require(isUtf8(printable) && printable.find_first_of(" \t\n") == std::string::npos);
    require(!isUtf8(raw) || escapePath(raw) == escapeField(raw));
    // A field of one line: the kernel writes paths in the same way.
    auto rows = parseMountinfo("1 2 7:0 / " + escapeField("/" + raw) + " ro - squashfs  ro\n");
    require(rows.size() == 1 && rows.front().target == "/" + raw && rows.front().source.empty());
    FileKey key;
    if (parseFileKey(raw, key)) {
        FileKey again;
        require(parseFileKey(key.text(), again) && again == key);
    }
    auto options = parseOptions(raw);
    require(!options || (options->flags & 1UL) != 0); // MS_RDONLY, whatever is asked for
    return 0;
}
