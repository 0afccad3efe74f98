// mount(8)'s option string, as far as a read-only image has use for it.
// Leaves to mount how the result reaches the kernel.
#pragma once

#include "sys.h"

#include <vector>

namespace ksquash {

struct MountOptions {
    const char* type = "squashfs"; // or "erofs": of the image, never of the caller
    unsigned attributes = 0;       // MOUNT_ATTR_*, for fsmount(2)
    unsigned long flags = 0;       // MS_*, the same for mount(2)
    std::vector<std::pair<std::string, std::string>> parameters; // for the file system: "errors" = "panic"
    std::string data() const;                                    // the parameters as mount(2) takes them
};

// read-only, nosuid and nodev unless "suid" or "dev" is named. EINVAL with a reason for "rw".
Result<MountOptions> parseOptions(std::string_view text);

} // namespace ksquash
