// The ladder's lower step: mount(2), for kernels before 5.2 and for filters that forbid the new calls. What
// the new calls check before anybody sees the mount is checked after the fact here, and undone.
#pragma once

#include "../base/options.h"
#include "../loop/loop.h"

namespace ksquash {

// Mounts on the directory that `place` (O_PATH) is; `target` is its path. Returns the mount's id.
Result<uint64_t> mountLegacy(const LoopDevice& loop, const MountOptions& options, int place,
                             const std::string& target, const std::string& image);

} // namespace ksquash
