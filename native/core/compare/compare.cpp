// The two verbs over the walk: mount the image where nobody sees it, walk, and put the findings in order.
#include "compare.h"
#include "../mount/detached.h"
#include "../tree/directory.h"
#include "tree_walk.h"

#include <algorithm>

namespace ksquash {

namespace {

// The error's path is relative to the top: say which top.
SysError below(SysError error, const std::string& top) {
    if (!error.path.empty() && !error.path.starts_with('/')) {
        error.path = joinPath(top, error.path);
    }
    return error;
}

Result<UniqueFd> openImageTop(const DetachedMount& mount, const std::string& image) {
    return openDirectory(mount.mount.get(), ".", image);
}

// Each has caches of its own. Measured on two processors only: with two it helps, three and four do no harm.
constexpr unsigned mostMounts = 4;

// Further mounts of the image beside the first, one for each other thread: squashfs unpacks one block at a
// time for all who read a mount (CONFIG_SQUASHFS_DECOMP_SINGLE, the default). EROFS does not, and a size is
// no content. As many as can be had: the first is enough.
std::vector<DetachedMount> moreMounts(const DetachedMount& first, const TreeRequest& request,
                                      const Control& control) {
    std::vector<DetachedMount> mounts;
    const unsigned wanted = std::min(TreeWalk::jobs(request), mostMounts);
    while (first.singleDecompressor && request.content && mounts.size() + 1 < wanted) {
        auto another = mountDetached(request.image, *parseOptions(""), control);
        if (!another || !(another->loop.file == first.loop.file)) {
            break;
        }
        mounts.push_back(std::move(*another));
    }
    return mounts;
}

std::vector<int> rootsOf(const std::vector<DetachedMount>& mounts) {
    std::vector<int> roots;
    roots.reserve(mounts.size());
    for (const DetachedMount& each : mounts) {
        roots.push_back(each.mount.get());
    }
    return roots;
}

} // namespace

Result<Comparison> compareTree(const TreeRequest& request, const Control& control) {
    auto tree = openTop(request.tree);
    if (!tree) {
        return tree.error();
    }
    auto mount = mountDetached(request.image, *parseOptions(""), control);
    if (!mount) {
        return mount.error();
    }
    auto image = openImageTop(*mount, request.image);
    if (!image) {
        return image.error();
    }
    const auto others = moreMounts(*mount, request, control);
    const auto roots = rootsOf(others);
    TreeWalk walk(request, mount->hasXattrs, roots, control);
    auto done = walk.run(std::move(*tree), std::move(*image));
    if (!done) {
        return below(done.error(), request.tree);
    }
    Comparison out;
    out.list = formatList(walk.entries());
    out.snapshot = writeSnapshot(walk.entries(), true);
    out.differences = walk.takeDifferences();
    out.differenceCount = out.differences.size();
    constexpr size_t named = 100;
    if (out.differences.size() > named) {
        out.differences.resize(named);
    }
    return out;
}

Result<TreeList> listTree(const TreeRequest& request, const Control& control) {
    bool ofImage = !request.image.empty();
    auto mount = ofImage ? mountDetached(request.image, *parseOptions(""), control)
                         : Result<DetachedMount>(DetachedMount{});
    if (!mount) {
        return mount.error();
    }
    auto top = ofImage ? openImageTop(*mount, request.image) : openTop(request.tree);
    if (!top) {
        return top.error();
    }
    const auto others = moreMounts(*mount, request, control);
    const auto roots = rootsOf(others);
    TreeWalk walk(request, mount->hasXattrs, roots, control);
    auto done = ofImage ? walk.run(UniqueFd(), std::move(*top)) : walk.run(std::move(*top), UniqueFd());
    if (!done) {
        return below(done.error(), ofImage ? request.image : request.tree);
    }
    for (const Difference& found : walk.takeDifferences()) {
        // One side only: what can differ is a file from itself, or an owner in an image, which is not the
        // list's.
        if (found.kind == DifferenceKind::changed) {
            return makeError(ESTALE, "read", joinPath(request.tree, found.path), "content",
                             differenceText(found));
        }
    }
    TreeList out = formatList(walk.entries());
    out.snapshot = ofImage ? "" : writeSnapshot(walk.entries(), false);
    if (!request.content) {
        out.list.clear();
    }
    return out;
}

} // namespace ksquash
