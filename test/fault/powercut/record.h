// The write log's record: this head, then `size` bytes. A flush has the offset kFlush and no bytes.
#pragma once
#include <cstdint>

struct Record {
    uint64_t offset;
    uint64_t size;
};

constexpr uint64_t kFlush = ~0ULL;
