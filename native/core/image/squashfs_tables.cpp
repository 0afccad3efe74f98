// An image whose superblock is plausible may still be cut or patched: follow each table's own structure.
// Format: Documentation/filesystems/squashfs.rst, section 3, and fs/squashfs/{id,export,fragment,xattr_id}.c.
#include "squashfs_tables.h"

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
ImageFault checkIndex(Reader& in, const char* name, uint64_t index, uint64_t items, uint64_t itemSize,
                      uint64_t lowest, uint64_t limit, uint64_t& first) {
    uint64_t blocks = (items * itemSize + metadataBlock - 1) / metadataBlock;
    if (blocks > (limit - index) / 8) {
        return damaged(std::string(name) + " does not fit before what follows it");
    }
    uint64_t last = lowest;
    for (uint64_t i = 0; i < blocks; ++i) {
        uint64_t start = in.load(index + i * 8, 8);
        if (start < last || start >= index) {
            return damaged(std::string(name) + " points outside its place");
        }
        if (i == 0) {
            first = start;
        }
        last = start + 1;
    }
    return {};
}

// Metadata blocks stand back to back, each with a two-byte length; the chain must end exactly at `end`.
ImageFault checkChain(Reader& in, const char* name, uint64_t start, uint64_t end, uint64_t mark) {
    bool marked = mark == ~uint64_t{0};
    uint64_t at = start;
    while (at < end && !in.failed()) {
        marked = marked || at - start == mark;
        uint64_t length = in.load(at, 2) & ~uncompressedBit;
        if (length == 0 || length > metadataBlock) {
            return damaged(std::string(name) + " is broken at byte " + std::to_string(at));
        }
        at += 2 + length;
    }
    if (at != end) {
        return damaged(std::string(name) + " runs into what follows it");
    }
    return marked ? ImageFault() : damaged("its root inode lies outside the inode table");
}

// A block of its own behind the superblock, never compressed, as fs/squashfs/{lz4,xz}_wrapper.c read it.
ImageFault checkOptions(Reader& in, const Superblock& sb) {
    constexpr uint16_t xz = 4;
    constexpr uint16_t lz4 = 5;
    std::string name = sb.compressor();
    if (!sb.hasOptions()) {
        return sb.compression == lz4 ? damaged("it lacks the options that every image of lz4 has")
                                     : ImageFault();
    }
    uint64_t header = in.load(superblockSize, 2);
    uint64_t length = header & ~uncompressedBit;
    bool known = sb.compression == xz || sb.compression == lz4;
    uint64_t room = sb.inodeTable - superblockSize;
    if ((header & uncompressedBit) == 0 || length < (known ? 8 : 1) || 2 + length > room) {
        return damaged("the options of " + name + " are damaged");
    }
    uint64_t first = in.load(superblockSize + 2, 4);
    if (sb.compression == lz4 && first != 1) {
        return unsupported("unknown version " + std::to_string(first) + " of lz4");
    }
    // A dictionary of 2^n or 2^n + 2^(n+1) bytes.
    uint64_t odd = first == 0 ? 0 : first >> static_cast<unsigned>(std::countr_zero(first));
    if (sb.compression == xz && ((odd != 1 && odd != 3) || first > INT32_MAX)) {
        return damaged("the dictionary size of xz, " + std::to_string(first) + ", is none");
    }
    return {};
}

ImageFault checkXattrs(Reader& in, const Superblock& sb, uint64_t& first) {
    first = sb.bytesUsed;
    if (!sb.hasXattrs()) {
        return {};
    }
    if (sb.bytesUsed - sb.xattrTable < 16) {
        return damaged("xattr table does not fit before the end");
    }
    uint64_t start = in.load(sb.xattrTable, 8);
    if (start <= sb.idTable || start > sb.xattrTable) {
        return damaged("xattr table points outside its place");
    }
    uint64_t ids = in.load(sb.xattrTable + 8, 4);
    uint64_t blocks = (ids * 16 + metadataBlock - 1) / metadataBlock;
    // To the byte (xattr_id.c, since 5.11).
    if (ids == 0 || blocks * 8 != sb.bytesUsed - sb.xattrTable - 16) {
        return damaged("xattr table does not fit its number of ids");
    }
    first = start;
    return {};
}

} // namespace

Result<ImageFault> checkTables(int fd, const Superblock& sb, const std::string& path) {
    Reader in(fd, path);
    uint64_t next = 0;
    ImageFault fault = checkOptions(in, sb);
    if (!fault) {
        fault = checkXattrs(in, sb, next);
    }
    uint64_t idBlocks = (uint64_t{sb.idCount} * 4 + metadataBlock - 1) / metadataBlock;
    // The kernel wants the id index to fill its place exactly (id.c, since 5.11).
    if (!fault && idBlocks * 8 != next - sb.idTable) {
        fault = damaged("id table does not fit its number of ids");
    }
    if (!fault) {
        fault = checkIndex(in, "id table", sb.idTable, sb.idCount, 4, sb.directoryTable, next, next);
    }
    uint64_t exportBlocks = (uint64_t{sb.inodes} * 8 + metadataBlock - 1) / metadataBlock;
    if (!fault && sb.exportTable != ~uint64_t{0} && exportBlocks * 8 != next - sb.exportTable) {
        fault = damaged("export table does not fit its number of inodes");
    }
    if (!fault && sb.exportTable != ~uint64_t{0}) {
        fault = checkIndex(in, "export table", sb.exportTable, sb.inodes, 8, sb.directoryTable, next, next);
    }
    if (!fault && sb.fragments != 0) {
        fault = checkIndex(in, "fragment table", sb.fragmentTable, sb.fragments, 16, sb.directoryTable, next,
                           next);
    }
    if (!fault && next < sb.directoryTable) {
        fault = damaged("directory table overlaps what follows it");
    }
    if (!fault) {
        fault = checkChain(in, "inode table", sb.inodeTable, sb.directoryTable, sb.rootInode >> 16U);
    }
    if (!fault) {
        fault = checkChain(in, "directory table", sb.directoryTable, next, ~uint64_t{0});
    }
    if (in.failed()) {
        return in.error();
    }
    return fault;
}

Result<ImageInfo> inspectImage(int fd, const std::string& path) {
    auto stat = statAt(fd, "", path);
    if (!stat) {
        return stat.error();
    }
    auto refuse = [&](ImageFault fault) {
        SysError error = makeError(EINVAL, "read", path, "superblock", std::move(fault.reason));
        error.kind = fault.kind;
        return error;
    };
    constexpr size_t startSize = size_t{36} * 1024;
    std::unique_ptr<uint8_t[]> start(new uint8_t[startSize]());
    auto got = readAt(fd, start.get(), startSize, 0, path);
    if (!got) {
        return got.error();
    }
    ImageInfo info;
    info.fileSize = stat->size;
    info.file = stat->key;
    if (std::span<const uint8_t> all(start.get(), *got); isErofs(all)) {
        ImageFault fault = parseErofs(all, stat->size, info.erofs.emplace());
        if (fault) {
            return refuse(std::move(fault));
        }
        return info;
    }
    ImageFault fault = parseSuperblock({start.get(), *got}, stat->size, info.superblock);
    if (fault) {
        return refuse(std::move(fault));
    }
    auto tables = checkTables(fd, info.superblock, path);
    if (!tables) {
        return tables.error();
    }
    if (*tables) {
        return refuse(std::move(*tables));
    }
    return info;
}

} // namespace ksquash
