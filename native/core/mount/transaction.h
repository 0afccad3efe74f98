// The one mount transaction, of the add-on and of the helper: each opens and checks images and target by its
// own rules, and says by hooks when privilege is effective. A failure leaves no mount and no loop device.
#pragma once

#include "../base/file.h"
#include "../base/options.h"
#include "../loop/loop.h"

#include <optional>
#include <vector>

namespace ksquash {

// An image that is open and was inspected; it must stay open until the transaction ends.
struct ImageLayer {
    int fd = -1;
    std::string path; // for errors, and for the loop device's own record
    FileKey file;
    const char* type = "squashfs";
};

struct MountStack {
    std::vector<ImageLayer> layers; // the lowest first
    std::string target;             // for errors
    MountOptions options;           // the type is the layer's
    std::optional<FileKey> expect;  // refuse (ESTALE) any other image as the lowest layer
    // The caller may lack the right to read the image's top directory: that says nothing of the image.
    bool mayBeUnreadable = false;
};

struct MountResult {
    uint64_t mountId = 0;
    std::string device;
    FileKey file;
    bool already = false;
};

enum class Privilege { loopDevices, mounts }; // CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN

class MountHooks {
  public:
    virtual ~MountHooks() = default;
    // /dev/loop-control, locked until the transaction has ended. Called when all is checked that needs no
    // lock.
    virtual Result<int> lock() = 0;
    // The target as its name leads there now (O_PATH), with a mount that stands on it. Called under the lock,
    // and once more right before the mount is moved there.
    virtual Result<UniqueFd> openTarget() = 0;
    // Around the calls that need a privilege, and no others.
    virtual void raise(Privilege /*which*/) {}
    virtual void drop() {}
    // This transaction opens no further loop device.
    virtual void attached() {}
    // Where the kernel or a filter lacks fsopen(2), which is `lacking`: mounts otherwise, or not at all.
    virtual Result<uint64_t> mountWithoutApi(const LoopDevice& /*loop*/, const MountOptions& /*options*/,
                                             int /*target*/, SysError lacking) {
        return lacking;
    }
};

// EBUSY: something else is mounted there, or came in meanwhile; ENOTEMPTY; EOPNOTSUPP: more than one layer.
Result<MountResult> mountStack(const MountStack& stack, MountHooks& hooks);

} // namespace ksquash
