// libFuzzer: escaping, JSON, UTF-8, identities, options. What goes through escapeField and the mount table's
// parser must come back.
#include "../core/base/file.h"
#include "../core/base/json.h"
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
    // One string of JSON: no quote inside of it ends it, and no control character is in it.
    for (bool latin1 : {false, true}) {
        JsonWriter json;
        latin1 ? json.latin1(raw) : json.text(raw);
        std::string text = json.take();
        require(isUtf8(text) && text.size() >= 2 && text.front() == '"' && text.back() == '"');
        for (size_t at = 1; at + 1 < text.size(); ++at) {
            require(static_cast<unsigned char>(text[at]) >= 0x20 && text[at] != '"');
            at += text[at] == '\\' ? 1 : 0;
            require(at + 1 < text.size());
        }
    }
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
