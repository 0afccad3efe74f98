// Files and directories that the policy names, opened so that nobody but root can have put them there: each
// component root's own, not writable by others, no link. The caller's own rights open them: no capability is
// effective here. Leaves what is done with them to verbs.
#pragma once

#include "../core/base/file.h"
#include "policy.h"

namespace ksquash::helper {

// Every failure here has the step "place": it is told to the caller as "not permitted".
Result<UniqueFd> openTrustedDirectory(std::string_view path);
// The policy's text into `buffer` (maxPolicySize + 1 bytes).
Result<size_t> readPolicy(const char* path, char* buffer);

struct Image {
    UniqueFd fd;
    FileStat stat;
    const char* type = "squashfs"; // of the file system in it
};
// Opens NAME + suffix once; all that follows goes by this descriptor.
Result<Image> openImageOf(const Rule& rule, int directory, const std::string& file);

// O_PATH, across a mount that stands there.
Result<UniqueFd> openMountPoint(int directory, const std::string& name, const std::string& path);
// Root's, not writable by others, and the caller may read it: the transaction sees whether it is empty.
Status checkMountPoint(int fd, const FileStat& stat, const std::string& path);

// Loop mounts whose mount point is a name in this directory.
Result<uint64_t> countMounts(int directory, std::string_view path);

} // namespace ksquash::helper
