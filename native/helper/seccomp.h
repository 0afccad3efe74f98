// From here on the kernel ends this process at any system call that is not in syscalls.h: whatever a bug
// would make of it, it starts no program, runs no code but its own, and talks to no network. seccomp(2).
#pragma once

namespace ksquash::helper {

// Sets no_new_privs. False when the kernel has filters and refuses this one; one that has none is no failure.
bool confine();

} // namespace ksquash::helper
