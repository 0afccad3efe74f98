// The message schedule and 64 rounds twice: in plain C++, and with SHA-NI's two-round instruction.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3") // the rest is built for size
#endif
#include "sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace ksquash {

namespace {

alignas(16) constexpr uint32_t roundConstants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

using Compress = void (*)(uint32_t* state, const uint8_t* data, size_t blocks);

void compressPortable(uint32_t* state, const uint8_t* data, size_t blocks) {
    for (; blocks > 0; --blocks, data += 64) {
        uint32_t w[64];
        for (size_t i = 0; i < 16; ++i) {
            w[i] = uint32_t{data[i * 4]} << 24U | uint32_t{data[i * 4 + 1]} << 16U |
                   uint32_t{data[i * 4 + 2]} << 8U | uint32_t{data[i * 4 + 3]};
        }
        for (size_t i = 16; i < 64; ++i) {
            uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3U);
            uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10U);
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        uint32_t v[8];
        memcpy(v, state, sizeof(v));
        for (size_t i = 0; i < 64; ++i) {
            uint32_t s1 = std::rotr(v[4], 6) ^ std::rotr(v[4], 11) ^ std::rotr(v[4], 25);
            uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
            uint32_t t1 = v[7] + s1 + choice + roundConstants[i] + w[i];
            uint32_t s0 = std::rotr(v[0], 2) ^ std::rotr(v[0], 13) ^ std::rotr(v[0], 22);
            uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
            uint32_t t2 = s0 + majority;
            memmove(v + 1, v, 7 * sizeof(v[0]));
            v[4] += t1;
            v[0] = t1 + t2;
        }
        for (size_t i = 0; i < 8; ++i) {
            state[i] += v[i];
        }
    }
}

#if defined(__x86_64__)

// State as the instructions want it: {A,B,E,F} and {C,D,G,H} (Intel SDM, SHA256RNDS2).
__attribute__((target("sha,sse4.1"))) void compressShaNi(uint32_t* state, const uint8_t* data,
                                                         size_t blocks) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i abef = _mm_set_epi32(static_cast<int>(state[0]), static_cast<int>(state[1]),
                                 static_cast<int>(state[4]), static_cast<int>(state[5]));
    __m128i cdgh = _mm_set_epi32(static_cast<int>(state[2]), static_cast<int>(state[3]),
                                 static_cast<int>(state[6]), static_cast<int>(state[7]));
    for (; blocks > 0; --blocks, data += 64) {
        const __m128i abefBefore = abef;
        const __m128i cdghBefore = cdgh;
        __m128i w[4];
        for (size_t i = 0; i < 4; ++i) {
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data + i * 16)), swap);
        }
        // Sixteen steps of four rounds each; from the fifth on, the schedule makes the next four words.
#pragma GCC unroll 16
        for (size_t i = 0; i < 16; ++i) {
            __m128i& now = w[i % 4];
            if (i >= 4) {
                __m128i middle = _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4);
                now = _mm_sha256msg1_epu32(now, w[(i + 1) % 4]);
                now = _mm_sha256msg2_epu32(_mm_add_epi32(now, middle), w[(i + 3) % 4]);
            }
            const auto* constants = reinterpret_cast<const __m128i*>(roundConstants + i * 4);
            __m128i sum = _mm_add_epi32(now, _mm_load_si128(constants));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
        }
        abef = _mm_add_epi32(abef, abefBefore);
        cdgh = _mm_add_epi32(cdgh, cdghBefore);
    }
    alignas(16) uint32_t first[4];
    alignas(16) uint32_t second[4];
    _mm_store_si128(reinterpret_cast<__m128i*>(first), abef);
    _mm_store_si128(reinterpret_cast<__m128i*>(second), cdgh);
    const uint32_t out[8] = {first[3], first[2], second[3], second[2],
                             first[1], first[0], second[1], second[0]};
    memcpy(state, out, sizeof(out));
}

bool hasShaNi() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    bool sse41 = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c >> 19U & 1U) != 0 && (c >> 9U & 1U) != 0;
    return sse41 && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b >> 29U & 1U) != 0;
}

#endif

Compress fastest() {
#if defined(__x86_64__)
    if (hasShaNi()) {
        return compressShaNi;
    }
#endif
    return compressPortable;
}

Compress compress = fastest();

} // namespace

void forcePortableSha256(bool portable) {
    compress = portable ? compressPortable : fastest();
}

void Sha256::update(const void* data, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    total_ += size;
    if (pendingSize_ > 0) {
        size_t take = std::min(size, sizeof(pending_) - pendingSize_);
        memcpy(pending_ + pendingSize_, bytes, take);
        pendingSize_ += take;
        bytes += take;
        size -= take;
        if (pendingSize_ < sizeof(pending_)) {
            return;
        }
        compress(state_, pending_, 1);
        pendingSize_ = 0;
    }
    compress(state_, bytes, size / 64);
    pendingSize_ = size % 64;
    if (pendingSize_ > 0) {
        memcpy(pending_, bytes + size / 64 * 64, pendingSize_);
    }
}

Digest Sha256::finish() {
    uint64_t bits = total_ * 8;
    uint8_t padding[72] = {0x80};
    size_t length = (pendingSize_ < 56 ? 56 : 120) - pendingSize_;
    for (size_t i = 0; i < 8; ++i) {
        padding[length + i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
    }
    update(padding, length + 8);
    Digest out{};
    for (size_t i = 0; i < 8; ++i) {
        for (size_t j = 0; j < 4; ++j) {
            out[i * 4 + j] = static_cast<uint8_t>(state_[i] >> (24 - 8 * j));
        }
    }
    return out;
}

Digest sha256(std::string_view data) {
    Sha256 hash;
    hash.update(data.data(), data.size());
    return hash.finish();
}

std::string hex(const Digest& digest) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(64);
    for (uint8_t byte : digest) {
        out += digits[byte >> 4U];
        out += digits[byte & 15U];
    }
    return out;
}

} // namespace ksquash
