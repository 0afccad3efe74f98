// The table of magic numbers, each with its offset.
#include "magic.h"

#include <algorithm>
#include <string_view>

namespace ksquash {

namespace {

using namespace std::string_view_literals;

struct Magic {
    size_t offset;
    std::string_view bytes;
    const char* what;
};

constexpr Magic table[] = {
    {0, "sqsh"sv, "a squashfs image of the other byte order"},
    {0, "\x1f\x8b"sv, "gzip data"},
    {0,
     "\xfd"
     "7zXZ\0"sv,
     "xz data"},
    {0, "\x28\xb5\x2f\xfd"sv, "zstd data"},
    {0, "BZh"sv, "bzip2 data"},
    {0, "\x04\x22\x4d\x18"sv, "lz4 data"},
    {0, "PK\x03\x04"sv, "a zip archive"},
    {0,
     "\x7f"
     "ELF"sv,
     "an ELF file"},
    {0, "LUKS\xba\xbe"sv, "a LUKS volume"},
    {0, "XFSB"sv, "an XFS file system"},
    {0, "\x45\x3d\xcd\x28"sv, "a cramfs image"},
    {257, "ustar"sv, "a tar archive"},
    {1080, "\x53\xef"sv, "an ext2, ext3 or ext4 file system"},
    {32769, "CD001"sv, "an ISO 9660 image"},
};

bool isText(std::span<const uint8_t> bytes) {
    return std::all_of(bytes.begin(), bytes.end(),
                       [](uint8_t c) { return c >= 0x20 ? c != 0x7f : c == '\n' || c == '\t' || c == '\r'; });
}

} // namespace

std::string describeContent(std::span<const uint8_t> start) {
    std::string_view all(reinterpret_cast<const char*>(start.data()), start.size());
    for (const Magic& magic : table) {
        if (all.size() >= magic.offset && all.substr(magic.offset).starts_with(magic.bytes)) {
            return magic.what;
        }
    }
    auto head = start.first(std::min<size_t>(start.size(), 512));
    if (std::all_of(head.begin(), head.end(), [](uint8_t c) { return c == 0; })) {
        return "zeroes, as an interrupted mksquashfs leaves them";
    }
    return isText(head) ? "text" : "unknown data";
}

} // namespace ksquash
