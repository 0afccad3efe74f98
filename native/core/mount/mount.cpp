// mountImage: what can be checked without privilege and without the lock is checked here; the rest is the
// transaction's.
#include "mount.h"
#include "../image/superblock.h"
#include "../loop/lock.h"
#include "mount_legacy.h"

#include <fcntl.h>

namespace ksquash {

namespace {

// A directory and nothing else; a link is refused, since it could lead the mount anywhere.
Result<UniqueFd> openMountPoint(const std::string& target) {
    UniqueFd fd(open(target.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) {
        SysError error = lastError("open", target, "target");
        error.reason = error.code == ENOENT ? "the mount point does not exist" : "";
        return error;
    }
    auto stat = statAt(fd.get(), "", target);
    if (!stat) {
        return withStep(stat.error(), "target");
    }
    if (stat->isLink()) {
        return makeError(ELOOP, "mount", target, "target", "the mount point is a symbolic link");
    }
    if (!stat->isDirectory()) {
        return makeError(ENOTDIR, "mount", target, "target", "the mount point is not a directory");
    }
    return fd;
}

class PathHooks final : public MountHooks {
  public:
    PathHooks(const MountRequest& request, const Control& control) : request_(request), control_(control) {}
    Result<int> lock() override {
        auto lock = lockLoopControl(control_);
        if (!lock) {
            return lock.error();
        }
        return lock_.emplace(std::move(*lock)).fd();
    }
    Result<UniqueFd> openTarget() override { return openMountPoint(request_.target); }
    Result<uint64_t> mountWithoutApi(const LoopDevice& loop, const MountOptions& options, int target,
                                     SysError /*lacking*/) override {
        return mountLegacy(loop, options, target, request_.target, request_.layers.front());
    }

  private:
    const MountRequest& request_;
    const Control& control_;
    std::optional<ControlLock> lock_;
};

// Opens the image and checks it; the descriptor is the first of the two.
Result<std::pair<UniqueFd, ImageLayer>> openLayer(const std::string& path) {
    auto fd = openImage(path);
    if (!fd) {
        return fd.error();
    }
    auto info = inspectImage(fd->get(), path);
    if (!info) {
        return withStep(info.error(), "image");
    }
    ImageLayer layer{fd->get(), path, info->file, info->type()};
    return std::pair(std::move(*fd), std::move(layer));
}

} // namespace

Result<MountResult> mountImage(const MountRequest& request, const Control& control) {
    auto options = parseOptions(request.options);
    if (!options) {
        return options.error();
    }
    MountStack stack;
    stack.target = request.target;
    stack.options = std::move(*options);
    stack.expect = request.expect;
    std::vector<UniqueFd> open;
    for (const std::string& image : request.layers) {
        auto layer = openLayer(image);
        if (!layer) {
            return layer.error();
        }
        open.push_back(std::move(layer->first));
        stack.layers.push_back(std::move(layer->second));
    }
    PathHooks hooks(request, control);
    return mountStack(stack, hooks);
}

} // namespace ksquash
