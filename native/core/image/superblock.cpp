// Field checks as fs/squashfs/super.c and the tables' readers make them, each with its reason in words.
#include "superblock.h"
#include "magic.h"

#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace ksquash {

namespace {

constexpr uint64_t none = ~uint64_t{0};
constexpr uint16_t knownFlags = 0x0fff;
constexpr uint64_t deviceBlock = 1024;

// The image is little-endian on every machine.
template <class T> T load(std::span<const uint8_t> raw, size_t at) {
    T value = 0;
    for (size_t i = sizeof(T); i-- > 0;) {
        value = static_cast<T>(static_cast<T>(value << 7U << 1U) | raw[at + i]);
    }
    return value;
}

std::string number(uint64_t value) {
    return std::to_string(value);
}

void loadFields(std::span<const uint8_t> raw, Superblock& sb) {
    sb.inodes = load<uint32_t>(raw, 4);
    sb.created = load<uint32_t>(raw, 8);
    sb.blockSize = load<uint32_t>(raw, 12);
    sb.fragments = load<uint32_t>(raw, 16);
    sb.compression = load<uint16_t>(raw, 20);
    sb.blockLog = load<uint16_t>(raw, 22);
    sb.flags = load<uint16_t>(raw, 24);
    sb.idCount = load<uint16_t>(raw, 26);
    sb.rootInode = load<uint64_t>(raw, 32);
    sb.bytesUsed = load<uint64_t>(raw, 40);
    sb.idTable = load<uint64_t>(raw, 48);
    sb.xattrTable = load<uint64_t>(raw, 56);
    sb.inodeTable = load<uint64_t>(raw, 64);
    sb.directoryTable = load<uint64_t>(raw, 72);
    sb.fragmentTable = load<uint64_t>(raw, 80);
    sb.exportTable = load<uint64_t>(raw, 88);
}

ImageFault checkSizes(const Superblock& sb, uint64_t fileSize) {
    if (sb.blockLog < 12 || sb.blockLog > 20) {
        return damaged("block size 2^" + number(sb.blockLog) + " is outside 4 KiB to 1 MiB");
    }
    if (sb.blockSize != uint32_t{1} << sb.blockLog) {
        return damaged("block size " + number(sb.blockSize) + " does not fit its logarithm " +
                       number(sb.blockLog));
    }
    if (sb.compression == 2) {
        return unsupported("compressor lzma, which no kernel reads");
    }
    if (sb.compression < 1 || sb.compression > 6) {
        return unsupported("unknown compressor " + number(sb.compression));
    }
    if ((sb.flags & ~knownFlags) != 0) {
        return unsupported("unknown flags " + number(sb.flags));
    }
    if (sb.inodes == 0) {
        return damaged("it has no inodes");
    }
    if (sb.idCount == 0) {
        return damaged("it has no owner ids");
    }
    if (sb.bytesUsed < superblockSize) {
        return damaged("it says that " + number(sb.bytesUsed) +
                       " bytes are used, less than its own superblock");
    }
    if (sb.bytesUsed > fileSize) {
        return {ErrorKind::truncated, "truncated: it says that " + number(sb.bytesUsed) +
                                          " bytes are used, and the file has " + number(fileSize)};
    }
    // The loop device ends at the last whole sector, and squashfs reads blocks of 1 KiB
    // (SQUASHFS_DEVBLK_SIZE): of one that is half beyond the end it gets nothing. The kernel says nothing
    // about either.
    if (sb.bytesUsed > fileSize / deviceBlock * deviceBlock) {
        return {ErrorKind::unpadded, "not padded to 1 KiB (mksquashfs -nopad): its tail would be cut off"};
    }
    return {};
}

// The tables stand in this order in every image that the kernel takes.
ImageFault checkTables(const Superblock& sb) {
    struct Table {
        const char* name;
        uint64_t start;
        bool optional;
    };
    const Table tables[] = {
        {"inode table", sb.inodeTable, false},
        {"directory table", sb.directoryTable, false},
        {"fragment table", sb.fragments == 0 ? none : sb.fragmentTable, sb.fragments == 0},
        {"export table", sb.exportTable, true},
        {"id table", sb.idTable, false},
        {"xattr table", sb.xattrTable, true},
    };
    const char* lastName = "superblock";
    uint64_t last = superblockSize - 1;
    for (const Table& table : tables) {
        if (table.optional && table.start == none) {
            continue;
        }
        if (table.start >= sb.bytesUsed) {
            return damaged(std::string(table.name) + " begins beyond the end, at " + number(table.start));
        }
        if (table.start <= last) {
            return damaged(std::string(table.name) + " at " + number(table.start) + " overlaps the " +
                           lastName);
        }
        last = table.start;
        lastName = table.name;
    }
    uint64_t root = sb.rootInode >> 16U;
    if (root >= sb.directoryTable - sb.inodeTable || (sb.rootInode & 0xffffU) >= 8192) {
        return damaged("its root inode lies outside the inode table");
    }
    return {};
}

} // namespace

const char* Superblock::compressor() const {
    static constexpr const char* names[] = {"?", "gzip", "lzma", "lzo", "xz", "lz4", "zstd"};
    return names[compression < std::size(names) ? compression : 0];
}

ImageFault parseSuperblock(std::span<const uint8_t> start, uint64_t fileSize, Superblock& out) {
    if (start.size() < superblockSize) {
        return {ErrorKind::notAnImage, "too short for a superblock: " + number(start.size()) + " bytes"};
    }
    if (memcmp(start.data(), "hsqs", 4) != 0) {
        return {ErrorKind::notAnImage, "wrong magic: this is " + describeContent(start)};
    }
    auto raw = start.first(superblockSize);
    auto majorVersion = load<uint16_t>(raw, 28);
    auto minorVersion = load<uint16_t>(raw, 30);
    if (majorVersion != 4 || minorVersion != 0) {
        return unsupported("squashfs version " + number(majorVersion) + "." + number(minorVersion) +
                           ", not 4.0");
    }
    loadFields(raw, out);
    ImageFault fault = checkSizes(out, fileSize);
    return fault ? fault : checkTables(out);
}

Result<UniqueFd> openImage(const std::string& path) {
    // O_NONBLOCK: a FIFO must not hang the caller. It has no effect on a regular file.
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) {
        return lastError("open", path, "image");
    }
    auto stat = statAt(fd.get(), "", path);
    if (!stat) {
        return withStep(stat.error(), "image");
    }
    if (!stat->isRegular()) {
        return makeError(EINVAL, "open", path, "image", "not a regular file");
    }
    return fd;
}

} // namespace ksquash
