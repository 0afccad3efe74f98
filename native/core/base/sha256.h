// SHA-256 (FIPS 180-4), with the processor's own instructions where it has them (SHA-NI on x86-64).
// Only for lists and manifests of trees; keys and secrets have no business here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ksquash {

using Digest = std::array<uint8_t, 32>;

class Sha256 {
  public:
    void update(const void* data, size_t size);
    Digest finish();

  private:
    uint32_t state_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t pending_[64] = {};
    size_t pendingSize_ = 0;
    uint64_t total_ = 0;
};

Digest sha256(std::string_view data);
std::string hex(const Digest& digest);

// Tests only: the portable code, whatever the processor has. False: the fast code where there is any.
void forcePortableSha256(bool portable);

} // namespace ksquash
