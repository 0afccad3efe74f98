// Details are always "of the tree / of the image".
#include "entry_diff.h"
#include "../tree/directory.h"

#include <algorithm>
#include <cstdio>
#include <sys/sysmacros.h>
#include <tuple>

namespace ksquash {

Result<std::vector<PairedName>> pairNames(int tree, int image, std::string_view path) {
    std::vector<PairedName> out;
    for (int side : {image, tree}) {
        if (side < 0) {
            continue;
        }
        auto names = readNames(side, path);
        if (!names) {
            return names.error();
        }
        for (Name& name : *names) {
            out.push_back(PairedName{std::move(name.name), name.ino, side == tree, side == image});
        }
    }
    // Stable, and the image came first: of two equal names the image's is kept.
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    size_t kept = 0;
    for (size_t i = 0; i < out.size(); ++i) {
        if (kept > 0 && out[kept - 1].name == out[i].name) {
            out[kept - 1].inTree = true;
        } else if (kept++ != i) {
            out[kept - 1] = std::move(out[i]);
        }
    }
    out.resize(kept);
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.order < b.order; });
    return out;
}

namespace {

std::string octal(uint32_t mode) {
    char text[16];
    snprintf(text, sizeof(text), "%04o", mode & 07777U);
    return text;
}

std::string pair(const std::string& tree, const std::string& image) {
    return tree + " / " + image;
}

std::string device(dev_t rdev) {
    return std::to_string(major(rdev)) + ":" + std::to_string(minor(rdev));
}

} // namespace

void compareStat(const Entry& entry, bool subset, std::vector<Difference>& found) {
    const FileStat& tree = entry.tree;
    const FileStat& image = entry.image;
    auto differs = [&](DifferenceKind kind, std::string detail) {
        found.push_back(Difference{entry.path, kind, std::move(detail)});
    };
    if (entry.inImage && (image.uid != 0 || image.gid != 0)) {
        differs(DifferenceKind::owner, std::to_string(image.uid) + ":" + std::to_string(image.gid));
    }
    if (!entry.inTree || !entry.inImage) {
        return;
    }
    if ((tree.mode & S_IFMT) != (image.mode & S_IFMT)) {
        differs(DifferenceKind::type, pair(typeName(tree.mode), typeName(image.mode)));
        return;
    }
    if (!tree.isLink() && (tree.mode & 07777U) != (image.mode & 07777U)) {
        differs(DifferenceKind::mode, pair(octal(tree.mode), octal(image.mode)));
    }
    if (tree.isRegular() && tree.size != image.size) {
        differs(DifferenceKind::size, pair(std::to_string(tree.size), std::to_string(image.size)));
    }
    if ((S_ISCHR(tree.mode) || S_ISBLK(tree.mode)) && tree.rdev != image.rdev) {
        differs(DifferenceKind::device, pair(device(tree.rdev), device(image.rdev)));
    }
    // squashfs keeps whole seconds. A directory from which something was removed has a new time, and the
    // top's own is no content: see appendLine.
    bool free = (subset && tree.isDirectory()) || entry.path == ".";
    if (tree.mtime.seconds != image.mtime.seconds && !free) {
        differs(DifferenceKind::time,
                pair(std::to_string(tree.mtime.seconds), std::to_string(image.mtime.seconds)));
    }
}

Status compareLinks(Entry& entry, int tree, int image, const std::string& name,
                    std::vector<Difference>& found) {
    std::string inTree;
    std::string inImage;
    bool treeLink = entry.inTree && entry.tree.isLink();
    bool imageLink = entry.inImage && entry.image.isLink();
    for (auto [wanted, side, target] :
         {std::tuple(treeLink, tree, &inTree), std::tuple(imageLink, image, &inImage)}) {
        if (!wanted) {
            continue;
        }
        auto got = readLinkAt(side, name.c_str(), entry.path);
        if (!got) {
            return got.error();
        }
        *target = std::move(*got);
    }
    if (treeLink && imageLink && inTree != inImage) {
        found.push_back(
            {entry.path, DifferenceKind::linkTarget, pair(escapePath(inTree), escapePath(inImage))});
    }
    entry.link = std::move(entry.inImage ? inImage : inTree);
    return Done{};
}

} // namespace ksquash
