// What a caller hands to a privileged program beside its arguments: descriptors, limits, signals, the mask,
// the working directory and the environment. All of it becomes known here, before anything is read.
#pragma once

namespace ksquash::helper {

// False when the process cannot be made safe: then nothing may be done.
bool sanitize();

} // namespace ksquash::helper
