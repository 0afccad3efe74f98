// An image of either format; the squashfs superblock and the tables it points at: is this an image that the
// kernel can mount, and if not, why? The kernel answers EINVAL without a word for many broken images, so each
// reason is found here, before any privilege is used. Reads with pread only; leaves the compressed contents
// to the kernel.
#pragma once

#include "../base/file.h"
#include "erofs.h"

#include <array>
#include <optional>
#include <span>

namespace ksquash {

struct Superblock {
    uint32_t inodes = 0;
    uint32_t created = 0;
    uint32_t blockSize = 0;
    uint32_t fragments = 0;
    uint16_t compression = 0;
    uint16_t blockLog = 0;
    uint16_t flags = 0;
    uint16_t idCount = 0;
    uint64_t rootInode = 0;
    uint64_t bytesUsed = 0;
    uint64_t idTable = 0;
    uint64_t xattrTable = 0;
    uint64_t inodeTable = 0;
    uint64_t directoryTable = 0;
    uint64_t fragmentTable = 0;
    uint64_t exportTable = 0;

    // Options of the compressor stand behind the superblock.
    bool hasOptions() const { return (flags & 0x0400U) != 0; }
    bool hasXattrs() const { return xattrTable != ~uint64_t{0}; }
    const char* compressor() const;
};

struct ImageInfo {
    Superblock superblock;                // of a squashfs image
    std::optional<ErofsSuperblock> erofs; // of an EROFS one
    uint64_t fileSize = 0;
    FileKey file;

    // As mount(2) calls it.
    const char* type() const { return erofs ? "erofs" : "squashfs"; }
    bool mayHaveXattrs() const { return erofs || superblock.hasXattrs(); }
};

constexpr size_t superblockSize = 96;

// Pure: the fields, or what is wrong with them for a file of `fileSize` bytes. `start` is its beginning;
// with more of it the reason can name what the file holds instead of an image.
ImageFault parseSuperblock(std::span<const uint8_t> start, uint64_t fileSize, Superblock& out);

// Opens an image for reading: a regular file, through links. EINVAL with a reason for anything else.
Result<UniqueFd> openImage(const std::string& path);
// Checks the superblock, the indexes of the tables, and the chain of metadata blocks of the inode table.
Result<ImageInfo> inspectImage(int fd, const std::string& path);

} // namespace ksquash
