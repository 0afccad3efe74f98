// status: what stands on a NAME's mount point, and whether the program would work for this user. Changes
// nothing.
#pragma once

#include "mount_request.h"

namespace ksquash::helper {

Outcome statusName(const Policy& policy, const Caller& caller, std::string_view name);
// Without a NAME: `wrong` is what is wrong with the policy. Prints, and returns the exit status.
int reportPolicy(const Policy& policy, const Caller& caller, const std::optional<Outcome>& wrong, bool json);

} // namespace ksquash::helper
