// Pairing, looking, descending: with an explicit stack, so that a deep tree cannot overflow a thread's.
#include "tree_walk.h"
#include "../tree/directory.h"
#include "file_pair.h"

#include <algorithm>
#include <unistd.h>

namespace ksquash {

// Opens and reads a directory of the pair, and puts it on the stack.
bool TreeWalk::push(UniqueFd tree, UniqueFd image, Entry& entry, bool reported) {
    auto names = pairNames(tree.get(), image.get(), entry.path);
    if (!names) {
        failed(names.error());
        return false;
    }
    if (entry.path == "." && entry.inTree) {
        std::erase_if(*names, [&](PairedName& name) {
            const auto& left = request_.exclude;
            bool excluded = name.inTree && std::find(left.begin(), left.end(), name.name) != left.end();
            name.inTree = name.inTree && !excluded;
            return excluded && !name.inImage;
        });
    }
    int treeFd = tree.get();
    int imageFd = image.get();
    auto* directory = new OpenDirectory(std::move(tree), std::move(image));
    ContentItem self{&entry, directory, "."};
    compareXattrs(self, treeFd, imageFd, imageXattrs_, *this);
    frames_.push_back(Frame{directory, std::move(*names), 0, entry.path, reported});
    return true;
}

// statx and readlink on both sides, with the verdict on what they say. False: nothing more to do with it.
bool TreeWalk::look(const Frame& frame, const PairedName& name, Entry& entry) {
    entry.inTree = name.inTree;
    entry.inImage = name.inImage;
    auto side = [&](int directory, FileStat& stat) {
        auto got = statAt(directory, name.name.c_str(), entry.path);
        if (!got) {
            failed(got.error());
            return false;
        }
        stat = *got;
        return true;
    };
    if ((entry.inTree && !side(frame.directory->tree(), entry.tree)) ||
        (entry.inImage && !side(frame.directory->image(), entry.image))) {
        return false;
    }
    if (entry.inTree && (entry.tree.key.dev != treeDevice_ || entry.tree.mountRoot)) {
        if (twoSided_) {
            differs({entry.path, DifferenceKind::fileSystem, {}});
        } else {
            failed(makeError(EXDEV, "statx", entry.path, "walk", "another file system is mounted there"));
        }
        return false;
    }
    std::vector<Difference> found;
    compareStat(entry, request_.subset, found);
    auto links = compareLinks(entry, frame.directory->tree(), frame.directory->image(), name.name, found);
    if (!links) {
        failed(links.error());
        return false;
    }
    for (Difference& difference : found) {
        differs(std::move(difference));
    }
    return true;
}

void TreeWalk::descend(size_t frame, const PairedName& name, Entry& entry, bool reported) {
    UniqueFd sides[2];
    const int parents[2] = {frames_[frame].directory->tree(), frames_[frame].directory->image()};
    const bool wanted[2] = {entry.inTree && entry.tree.isDirectory(),
                            entry.inImage && entry.image.isDirectory()};
    for (size_t i = 0; i < 2; ++i) {
        if (!wanted[i]) {
            continue;
        }
        auto fd = openDirectory(parents[i], name.name.c_str(), entry.path);
        if (!fd) {
            failed(fd.error());
            return;
        }
        sides[i] = std::move(*fd);
    }
    push(std::move(sides[0]), std::move(sides[1]), entry, reported);
}

void TreeWalk::visit(size_t frame, const PairedName& name) {
    Frame& top = frames_[frame];
    std::string path = joinPath(top.path, name.name);
    bool reported = top.reported;
    if (twoSided_ && !name.inImage) {
        differs({std::move(path), DifferenceKind::onlyInTree, {}});
        return;
    }
    Entry& entry = entries_.emplace_back();
    entry.path = std::move(path);
    if (!look(top, name, entry)) {
        return;
    }
    if (twoSided_ && !name.inTree && !reported) {
        if (!request_.subset) {
            differs({entry.path, DifferenceKind::onlyInImage, {}});
        }
        reported = true;
    }
    control_.addEntries(1);
    bool sameType =
        !entry.inTree || !entry.inImage || (entry.tree.mode & S_IFMT) == (entry.image.mode & S_IFMT);
    if (!sameType) {
        entry.inTree = false; // said already; what is below or in it cannot be compared
        reported = true;
    }
    if (entry.listed().isDirectory()) {
        descend(frame, name, entry, reported);
    } else if (entry.listed().isRegular() && !request_.content) {
        control_.addBytes(entry.listed().size);
    } else if (entry.listed().isRegular()) {
        readers_.add(entry, *top.directory, name.name);
    } else {
        ContentItem item{&entry, top.directory, name.name};
        compareXattrs(item, -1, -1, imageXattrs_, *this);
    }
}

// The top itself. The tree's may be a mount point: only what is below must not be one.
bool TreeWalk::lookAtTop(Entry& top, int tree, int image) {
    top.path = ".";
    top.inTree = tree >= 0;
    top.inImage = image >= 0;
    for (auto [fd, stat] : {std::pair(tree, &top.tree), std::pair(image, &top.image)}) {
        auto got = fd >= 0 ? statAt(fd, "", ".") : Result<FileStat>(FileStat{});
        if (!got) {
            failed(got.error());
            return false;
        }
        *stat = *got;
    }
    treeDevice_ = top.tree.key.dev;
    std::vector<Difference> found;
    compareStat(top, request_.subset, found);
    for (Difference& difference : found) {
        differs(std::move(difference));
    }
    control_.addEntries(1);
    return true;
}

Status TreeWalk::run(UniqueFd tree, UniqueFd image) {
    twoSided_ = tree && image;
    Entry& top = entries_.emplace_back();
    if (lookAtTop(top, tree.get(), image.get())) {
        push(std::move(tree), std::move(image), top, false);
    }
    while (!frames_.empty()) {
        size_t frame = frames_.size() - 1;
        if (control_.cancelled()) {
            failed(Control::cancelError());
        }
        if (stopped() || frames_[frame].next == frames_[frame].names.size()) {
            frames_[frame].directory->drop();
            frames_.pop_back();
            continue;
        }
        PairedName name = std::move(frames_[frame].names[frames_[frame].next++]);
        visit(frame, name);
    }
    readers_.finish();
    if (stopped()) {
        return error_;
    }
    return Done{};
}

std::vector<Difference> TreeWalk::takeDifferences() {
    auto before = [](const Difference& a, const Difference& b) { return pathBefore(a.path, b.path); };
    std::stable_sort(differences_.begin(), differences_.end(), before);
    return std::move(differences_);
}

unsigned TreeWalk::jobs(const TreeRequest& request) {
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return request.jobs > 0 ? request.jobs : static_cast<unsigned>(std::max(online, 1L));
}

} // namespace ksquash
