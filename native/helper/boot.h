// All images of [rule boot] at once, as real root: what runs at boot and before shutdown, without Node.
#pragma once

#include "mount_request.h"

namespace ksquash::helper {

// Mounts each image, making an absent mount point; one that fails is named and does not stop the others.
// Returns 0, or the status of the first failure.
int bootAll(const Policy& policy, bool json);
// Unmounts what is ours of them, with the same answer.
int unbootAll(const Policy& policy, bool json);

} // namespace ksquash::helper
