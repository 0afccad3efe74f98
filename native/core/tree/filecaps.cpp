// Little-endian on every machine; version 2, the one without a user namespace's root.
#include "filecaps.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/xattr.h>

namespace ksquash {

namespace {

constexpr const char* attribute = "security.capability";

Result<UniqueFd> openRegular(const std::string& path) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd) {
        return lastError("open", path);
    }
    auto stat = statAt(fd.get(), "", path);
    if (!stat) {
        return stat.error();
    }
    if (!stat->isRegular()) {
        return makeError(EINVAL, "open", path, "", "not a regular file");
    }
    return fd;
}

uint64_t join(uint32_t low, uint32_t high) {
    return uint64_t{le32toh(high)} << 32U | le32toh(low);
}

} // namespace

Result<std::optional<FileCapabilities>> fileCapabilities(const std::string& path) {
    auto fd = openRegular(path);
    if (!fd) {
        return fd.error();
    }
    struct vfs_ns_cap_data raw {};
    if (fgetxattr(fd->get(), attribute, &raw, sizeof(raw)) < 0) {
        if (errno == ENODATA || errno == ENOTSUP) {
            return std::optional<FileCapabilities>();
        }
        return lastError("getxattr", path);
    }
    FileCapabilities out;
    out.permitted = join(raw.data[0].permitted, raw.data[1].permitted);
    out.inheritable = join(raw.data[0].inheritable, raw.data[1].inheritable);
    out.effective = (le32toh(raw.magic_etc) & VFS_CAP_FLAGS_EFFECTIVE) != 0;
    return std::optional<FileCapabilities>(out);
}

Status setFileCapabilities(const std::string& path, uint64_t permitted) {
    auto fd = openRegular(path);
    if (!fd) {
        return fd.error();
    }
    struct vfs_cap_data raw {};
    raw.magic_etc = htole32(VFS_CAP_REVISION_2);
    raw.data[0].permitted = htole32(static_cast<uint32_t>(permitted));
    raw.data[1].permitted = htole32(static_cast<uint32_t>(permitted >> 32U));
    if (permitted != 0) {
        if (fsetxattr(fd->get(), attribute, &raw, sizeof(raw), 0) != 0) {
            return lastError("setxattr", path);
        }
    } else if (fremovexattr(fd->get(), attribute) != 0 && errno != ENODATA && errno != ENOTSUP) {
        return lastError("removexattr", path);
    }
    return Done{};
}

} // namespace ksquash
