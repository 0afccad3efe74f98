// Why bytes are not an image that the kernel can mount.
#pragma once

#include "../base/sys.h"

namespace ksquash {

struct ImageFault {
    ErrorKind kind = ErrorKind::none;
    std::string reason;
    explicit operator bool() const { return kind != ErrorKind::none; }
};

inline ImageFault unsupported(std::string reason) {
    return {ErrorKind::unsupportedFormat, std::move(reason)};
}
inline ImageFault damaged(std::string reason) {
    return {ErrorKind::damaged, std::move(reason)};
}

} // namespace ksquash
