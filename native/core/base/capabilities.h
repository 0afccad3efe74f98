// What this process may do and what the running kernel can: capabilities(7), and harmless calls that tell a
// missing system call from a refused one. Changes nothing; leaves the words to the caller.
#pragma once

#include "sys.h"

namespace ksquash {

struct Capabilities {
    bool sysAdmin = false;
    bool dacReadSearch = false;
    bool dacOverride = false;
    bool chown = false;
};

// The effective set of the calling thread.
Capabilities effectiveCapabilities();

struct Probe {
    std::string kernel;
    int loopControlErrno = 0; // of opening /dev/loop-control; 0: it can be opened
    bool squashfs = false;
    bool erofs = false;
    bool openat2 = false;
    bool loopConfigure = false;
    bool mountApi = false;
    bool statmount = false;
    bool renameExchange = false;
    Capabilities capabilities;
    bool noNewPrivs = false;
    bool initialMountNamespace = false;
    bool inUserNamespace = false; // where no capability counts for mounting squashfs
};

// Not in the first one. True also where that cannot be found out.
bool inUserNamespace();

Probe probe();

} // namespace ksquash
