// The EROFS superblock: the few fields by which a file is an image that the kernel can take, and if not, why.
// Leaves what it points at to the kernel: unlike squashfs's its tables have no order to check.
#pragma once

#include "fault.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace ksquash {

struct ErofsSuperblock {
    uint32_t blockBits = 0;
    uint64_t blocks = 0;
    uint64_t inodes = 0;
    uint64_t created = 0;
    uint32_t incompatible = 0;
    uint16_t algorithms = 0;
    uint64_t metaStart = 0; // in blocks

    uint64_t bytes() const { return blocks << blockBits; }
    // The one by which most would be packed: mkfs.erofs notes each that it was given.
    const char* compressor() const;
};

bool isErofs(std::span<const uint8_t> start);

// `start` is the file's first bytes, 5 KiB at least where the file has them.
ImageFault parseErofs(std::span<const uint8_t> start, uint64_t fileSize, ErofsSuperblock& out);

} // namespace ksquash
