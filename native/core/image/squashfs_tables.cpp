// An image whose superblock is plausible may still be cut or patched: follow each table's own structure.
// Format: Documentation/filesystems/squashfs.rst, section 3, and fs/squashfs/{id,export,fragment,xattr_id}.c.
#include "squashfs_tables.h"
#include "magic.h"

#include <algorithm>
#include <bit>
#include <memory>

namespace ksquash {

namespace {

constexpr uint64_t metadataBlock = 8192;
constexpr uint64_t uncompressedBit = 0x8000;

// Little-endian numbers of the image, with the first read error kept.
class Reader {
  public:
    Reader(int fd, const std::string& path) : fd_(fd), path_(path) {}
    uint64_t load(uint64_t at, size_t bytes) {
        // The numbers stand close together: a window of the file saves most of the calls.
        if (at < start_ || at + bytes > start_ + held_) {
            auto got = readAt(fd_, window_.data(), window_.size(), at, path_);
            start_ = at;
            held_ = got ? *got : 0;
            if (!got && error_.code == 0) {
                error_ = got.error();
            }
        }
        uint64_t value = 0;
        for (size_t i = bytes; i-- > 0;) {
            size_t place = static_cast<size_t>(at - start_) + i;
            value = value << 8U |
                    (place < held_ ? window_[place] : 0U); // beyond the end: 0, which no check takes
        }
        return value;
    }
    bool failed() const { return error_.code != 0; }
    const SysError& error() const { return error_; }

  private:
    int fd_;
    const std::string& path_;
    SysError error_;
    std::array<uint8_t, 32768> window_{};
    uint64_t start_ = 0;
    size_t held_ = 0;
};

// A table of `items` records of `itemSize` bytes: its index at `index` holds the start of each metadata
// block. Sets `first` to the first of them, where the table before it ends.
std::string checkIndex(Reader& in, const char* name, uint64_t index, uint64_t items, uint64_t itemSize,
                       uint64_t lowest, uint64_t limit, uint64_t& first) {
    uint64_t blocks = (items * itemSize + metadataBlock - 1) / metadataBlock;
    if (blocks > (limit - index) / 8) {
        return std::string(name) + " does not fit before what follows it";
    }
    uint64_t last = lowest;
    for (uint64_t i = 0; i < blocks; ++i) {
        uint64_t start = in.load(index + i * 8, 8);
        if (start < last || start >= index) {
            return std::string(name) + " points outside its place";
        }
        if (i == 0) {
            first = start;
        }
        last = start + 1;
    }
    return {};
}

// Metadata blocks stand back to back, each with a two-byte length; the chain must end exactly at `end`.
std::string checkChain(Reader& in, const char* name, uint64_t start, uint64_t end, uint64_t mark) {
    bool marked = mark == ~uint64_t{0};
    uint64_t at = start;
    while (at < end && !in.failed()) {
        marked = marked || at - start == mark;
        uint64_t length = in.load(at, 2) & ~uncompressedBit;
        if (length == 0 || length > metadataBlock) {
            return std::string(name) + " is broken at byte " + std::to_string(at);
        }
        at += 2 + length;
    }
    if (at != end) {
        return std::string(name) + " runs into what follows it";
    }
    return marked ? std::string() : "its root inode lies outside the inode table";
}

// A block of its own behind the superblock, never compressed, as fs/squashfs/{lz4,xz}_wrapper.c read it.
std::string checkOptions(Reader& in, const Superblock& sb) {
    constexpr uint16_t xz = 4;
    constexpr uint16_t lz4 = 5;
    std::string name = sb.compressor();
    if (!sb.hasOptions()) {
        return sb.compression == lz4 ? "it lacks the options that every image of lz4 has" : "";
    }
    uint64_t header = in.load(superblockSize, 2);
    uint64_t length = header & ~uncompressedBit;
    bool known = sb.compression == xz || sb.compression == lz4;
    uint64_t room = sb.inodeTable - superblockSize;
    if ((header & uncompressedBit) == 0 || length < (known ? 8 : 1) || 2 + length > room) {
        return "the options of " + name + " are damaged";
    }
    uint64_t first = in.load(superblockSize + 2, 4);
    if (sb.compression == lz4 && first != 1) {
        return "unknown version " + std::to_string(first) + " of lz4";
    }
    // A dictionary of 2^n or 2^n + 2^(n+1) bytes.
    uint64_t odd = first == 0 ? 0 : first >> static_cast<unsigned>(std::countr_zero(first));
    if (sb.compression == xz && ((odd != 1 && odd != 3) || first > INT32_MAX)) {
        return "the dictionary size of xz, " + std::to_string(first) + ", is none";
    }
    return {};
}

std::string checkXattrs(Reader& in, const Superblock& sb, uint64_t& first) {
    first = sb.bytesUsed;
    if (!sb.hasXattrs()) {
        return {};
    }
    if (sb.bytesUsed - sb.xattrTable < 16) {
        return "xattr table does not fit before the end";
    }
    uint64_t start = in.load(sb.xattrTable, 8);
    if (start <= sb.idTable || start > sb.xattrTable) {
        return "xattr table points outside its place";
    }
    uint64_t ids = in.load(sb.xattrTable + 8, 4);
    uint64_t blocks = (ids * 16 + metadataBlock - 1) / metadataBlock;
    // To the byte (xattr_id.c, since 5.11).
    if (ids == 0 || blocks * 8 != sb.bytesUsed - sb.xattrTable - 16) {
        return "xattr table does not fit its number of ids";
    }
    first = start;
    return {};
}

} // namespace

Result<std::string> checkTables(int fd, const Superblock& sb, const std::string& path) {
    Reader in(fd, path);
    uint64_t next = 0;
    std::string reason = checkOptions(in, sb);
    if (reason.empty()) {
        reason = checkXattrs(in, sb, next);
    }
    uint64_t idBlocks = (uint64_t{sb.idCount} * 4 + metadataBlock - 1) / metadataBlock;
    // The kernel wants the id index to fill its place exactly (id.c, since 5.11).
    if (reason.empty() && idBlocks * 8 != next - sb.idTable) {
        reason = "id table does not fit its number of ids";
    }
    if (reason.empty()) {
        reason = checkIndex(in, "id table", sb.idTable, sb.idCount, 4, sb.directoryTable, next, next);
    }
    uint64_t exportBlocks = (uint64_t{sb.inodes} * 8 + metadataBlock - 1) / metadataBlock;
    if (reason.empty() && sb.exportTable != ~uint64_t{0} && exportBlocks * 8 != next - sb.exportTable) {
        reason = "export table does not fit its number of inodes";
    }
    if (reason.empty() && sb.exportTable != ~uint64_t{0}) {
        reason = checkIndex(in, "export table", sb.exportTable, sb.inodes, 8, sb.directoryTable, next, next);
    }
    if (reason.empty() && sb.fragments != 0) {
        reason = checkIndex(in, "fragment table", sb.fragmentTable, sb.fragments, 16, sb.directoryTable, next,
                            next);
    }
    if (reason.empty() && next < sb.directoryTable) {
        reason = "directory table overlaps what follows it";
    }
    if (reason.empty()) {
        reason = checkChain(in, "inode table", sb.inodeTable, sb.directoryTable, sb.rootInode >> 16U);
    }
    if (reason.empty()) {
        reason = checkChain(in, "directory table", sb.directoryTable, next, ~uint64_t{0});
    }
    if (in.failed()) {
        return in.error();
    }
    return reason;
}

Result<ImageInfo> inspectImage(int fd, const std::string& path) {
    auto stat = statAt(fd, "", path);
    if (!stat) {
        return stat.error();
    }
    auto refuse = [&](std::string reason) {
        return makeError(EINVAL, "read", path, "superblock", std::move(reason));
    };
    constexpr size_t startSize = size_t{36} * 1024;
    std::unique_ptr<uint8_t[]> start(new uint8_t[startSize]());
    auto got = readAt(fd, start.get(), startSize, 0, path);
    if (!got) {
        return got.error();
    }
    if (*got < superblockSize) {
        return refuse("too short for a superblock: " + std::to_string(*got) + " bytes");
    }
    ImageInfo info;
    info.fileSize = stat->size;
    info.file = stat->key;
    if (std::span<const uint8_t> all(start.get(), *got); isErofs(all)) {
        std::string wrong = parseErofs(all, stat->size, info.erofs.emplace());
        if (!wrong.empty()) {
            return refuse(std::move(wrong));
        }
        return info;
    }
    std::span<const uint8_t, superblockSize> raw(start.get(), superblockSize);
    std::string reason = parseSuperblock(raw, stat->size, info.superblock);
    if (reason.starts_with("wrong magic")) {
        reason = "wrong magic: this is " + describeContent({start.get(), *got});
    }
    if (!reason.empty()) {
        return refuse(std::move(reason));
    }
    auto tables = checkTables(fd, info.superblock, path);
    if (!tables) {
        return tables.error();
    }
    if (!tables->empty()) {
        return refuse(std::move(*tables));
    }
    return info;
}

} // namespace ksquash
