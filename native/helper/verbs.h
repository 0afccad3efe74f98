// mount and umount of one NAME, each from its checks to its outcome. Leaves who may do it to
// mount_request and policy, and many at once to boot.
#pragma once

#include "mount_request.h"

namespace ksquash::helper {

// Under the lock of /dev/loop-control, which is also what attaching needs.
Result<UniqueFd> lockLoops();

enum class Repeat { last, more }; // more: another request follows in this process, so privileges are kept

Outcome performMount(const MountRequest& request, int control, Repeat repeat);
// The lock must be held.
Outcome performUmount(const MountRequest& request);

Outcome mountName(const Policy& policy, const Caller& caller, std::string_view name);
Outcome umountName(const Policy& policy, const Caller& caller, std::string_view name);

} // namespace ksquash::helper
