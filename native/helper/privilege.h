// The two capabilities: none is effective but while a ScopedCapability lives. Where one is missing, why.
// Capabilities(7): the file carries them as permitted only ("=p"), so that the program starts, and can name
// what it lacks, where the kernel withholds them.
#pragma once

#include <string>

namespace ksquash::helper {

enum class Capability : unsigned { readSearch = 2, sysAdmin = 21 }; // CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN

// Takes every other capability away, and these out of the effective set. False when the kernel refuses that.
bool beginUnprivileged();

class ScopedCapability {
  public:
    explicit ScopedCapability(Capability capability);
    ~ScopedCapability();
    ScopedCapability(const ScopedCapability&) = delete;
    ScopedCapability& operator=(const ScopedCapability&) = delete;
};

// Out of the permitted set, too: nothing brings it back in this process.
void forget(Capability capability);

// Empty when both are there; else which is missing, and why as far as the kernel tells.
std::string missingPrivilege();

} // namespace ksquash::helper
