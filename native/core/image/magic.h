// Names what a file is when it is no squashfs image: gzip, ext4, an ISO, text, …
// Only for a message; leaves the decision to superblock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace ksquash {

// `start` is the file's first bytes (up to 36 KiB, so that an ISO's descriptor is inside).
std::string describeContent(std::span<const uint8_t> start);

} // namespace ksquash
