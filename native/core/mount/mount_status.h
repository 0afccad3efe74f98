// What stands on a path now: looked at, never remembered. One statx(2), one statmount(2) (6.8) and one look
// at the loop device when the image is mounted; the whole mount table only when it is not visible there.
#pragma once

#include "../base/file.h"

#include <optional>

namespace ksquash {

enum class TargetState { mounted, unmounted, stale, hidden, other, absent };
const char* stateName(TargetState state);

struct TargetStatus {
    TargetState state = TargetState::absent;
    bool deleted = false;
    uint64_t mountId = 0; // 0: none
    std::string device;
    std::optional<FileKey> file;
    std::string fstype;
};

Result<TargetStatus> statTarget(const std::string& target, const std::optional<std::string>& image);

} // namespace ksquash
