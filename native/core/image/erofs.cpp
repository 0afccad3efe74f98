// Field checks as fs/erofs/super.c makes them (erofs_read_superblock), each with its reason in words.
// Format: fs/erofs/erofs_fs.h, struct erofs_super_block.
#include "erofs.h"

#include <algorithm>
#include <vector>

namespace ksquash {

namespace {

constexpr size_t place = 1024;
constexpr size_t length = 128;
constexpr uint32_t magic = 0xE0F5E1E2;
constexpr uint32_t hasChecksum = 0x1;       // feature_compat
constexpr uint32_t zeroPadding = 0x1;       // feature_incompat; also: something is packed by lz4
constexpr uint32_t hasConfigurations = 0x2; // the algorithms are listed
constexpr uint32_t manyBlocks = 0x80;       // 48 bits of them, and the root inode is noted elsewhere
constexpr uint64_t inodeSlot = 32;
constexpr size_t checksumAt = 4;

uint64_t load(std::span<const uint8_t> raw, size_t at, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;) {
        value = value << 8U | raw[at + i];
    }
    return value;
}

uint32_t crc32c(std::span<const uint8_t> bytes) {
    constexpr uint32_t polynomial = 0x82F63B78;
    uint32_t crc = ~uint32_t{0};
    for (uint8_t byte : bytes) {
        crc ^= byte;
        for (int i = 0; i < 8; ++i) {
            crc = crc >> 1U ^ ((crc & 1U) != 0 ? polynomial : 0);
        }
    }
    return crc;
}

// Over the superblock's block from the superblock on, its own field as zero.
bool checksumHolds(std::span<const uint8_t> start, size_t blockSize) {
    size_t bytes = blockSize > place ? blockSize - place : blockSize;
    if (start.size() < place + bytes) {
        return false;
    }
    auto part = start.subspan(place, bytes);
    std::vector<uint8_t> copy(part.begin(), part.end());
    std::fill_n(copy.begin() + checksumAt, 4, uint8_t{0});
    return crc32c(copy) == load(part, checksumAt, 4);
}

std::string number(uint64_t value) {
    return std::to_string(value);
}

} // namespace

const char* ErofsSuperblock::compressor() const {
    static constexpr const char* names[] = {"zstd", "deflate", "lzma", "lz4"};
    for (unsigned i = 0; i < 4; ++i) {
        if ((algorithms >> (3 - i) & 1U) != 0) {
            return names[i];
        }
    }
    return (incompatible & zeroPadding) != 0 ? "lz4" : "none";
}

bool isErofs(std::span<const uint8_t> start) {
    return start.size() >= place + length && load(start, place, 4) == magic;
}

ImageFault parseErofs(std::span<const uint8_t> start, uint64_t fileSize, ErofsSuperblock& out) {
    auto raw = start.subspan(place, length);
    out.blockBits = raw[12];
    if (out.blockBits < 9 || out.blockBits > 16) {
        return unsupported("EROFS block size 2^" + number(out.blockBits) + " is outside 512 bytes to 64 KiB");
    }
    out.incompatible = static_cast<uint32_t>(load(raw, 80, 4));
    bool many = (out.incompatible & manyBlocks) != 0;
    out.blocks = load(raw, 36, 4) | (many ? load(raw, 14, 2) << 32U : 0);
    out.inodes = load(raw, 16, 8);
    out.created = load(raw, 24, 8);
    out.metaStart = load(raw, 40, 4);
    if ((out.incompatible & hasConfigurations) != 0) {
        out.algorithms = static_cast<uint16_t>(load(raw, 84, 2));
    }
    if ((load(raw, 8, 4) & hasChecksum) != 0 && !checksumHolds(start, size_t{1} << out.blockBits)) {
        return damaged("the checksum of its EROFS superblock is wrong");
    }
    if (load(raw, 86, 2) != 0) {
        return unsupported("its data lie on further devices (mkfs.erofs --blobdev)");
    }
    if (out.inodes == 0) {
        return damaged("it has no inodes");
    }
    if (out.blocks == 0 || out.bytes() > fileSize) {
        return {ErrorKind::truncated, "truncated: it says that " + number(out.bytes()) +
                                          " bytes are used, and the file has " + number(fileSize)};
    }
    uint64_t root = (out.metaStart << out.blockBits) + load(raw, 14, 2) * inodeSlot;
    if (!many && root + inodeSlot > out.bytes()) {
        return damaged("its root inode lies outside the image");
    }
    return {};
}

} // namespace ksquash
