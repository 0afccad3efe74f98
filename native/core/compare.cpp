// The walk: depth first, each directory in the order of the image's inode numbers, which is the order in which
// mksquashfs wrote the files. One thread walks and judges what statx tells; content's readers do the rest.
#include "compare.h"
#include "content.h"
#include "content_file.h"
#include "detached.h"
#include "judge.h"
#include "walk.h"

#include <algorithm>
#include <unistd.h>

namespace ksquash {

namespace {

class Walk final : public ContentSink {
  public:
    Walk(const TreeRequest& request, bool imageXattrs, const Control& control)
        : request_(request), control_(control), imageXattrs_(imageXattrs),
          readers_(jobs(request), imageXattrs, control, *this) {}

    // Either descriptor may be absent: then the other side is listed.
    Status run(UniqueFd tree, UniqueFd image);
    std::deque<Entry>& entries() { return entries_; }
    std::vector<Difference> takeDifferences();

    void differs(const Entry& entry, std::string what) override {
        Locked locked(mutex_);
        differences_.push_back(Difference{entry.path, std::move(what)});
    }
    void failed(SysError error) override {
        Locked locked(mutex_);
        if (!stopped_.exchange(true)) {
            error_ = std::move(error);
        }
    }
    bool stopped() const override { return stopped_.load(std::memory_order_relaxed); }

  private:
    struct Frame {
        OpenDirectory* directory;
        std::vector<PairedName> names;
        size_t next;
        std::string path;
        bool reported; // a parent is missing in the tree, and that has been said
    };

    static unsigned jobs(const TreeRequest& request) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        return request.jobs > 0 ? request.jobs : static_cast<unsigned>(std::max(online, 1L));
    }
    bool lookAtTop(Entry& top, int tree, int image);
    bool push(UniqueFd tree, UniqueFd image, Entry& entry, bool reported);
    void visit(size_t frame, const PairedName& name);
    bool look(const Frame& frame, const PairedName& name, Entry& entry);
    void descend(size_t frame, const PairedName& name, Entry& entry, bool reported);

    const TreeRequest& request_;
    const Control& control_;
    const bool imageXattrs_;
    bool twoSided_ = false;
    dev_t treeDevice_ = 0;
    std::deque<Entry> entries_; // stable addresses: the readers hold them
    std::vector<Frame> frames_;
    Mutex mutex_;
    std::vector<Difference> differences_;
    SysError error_;
    std::atomic<bool> stopped_{false};
    ContentReaders readers_; // last: its threads end before the rest goes
};

// Opens and reads a directory of the pair, and puts it on the stack.
bool Walk::push(UniqueFd tree, UniqueFd image, Entry& entry, bool reported) {
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
    judgeXattrs(self, treeFd, imageFd, imageXattrs_, *this);
    frames_.push_back(Frame{directory, std::move(*names), 0, entry.path, reported});
    return true;
}

// statx and readlink on both sides, with the verdict on what they say. False: nothing more to do with it.
bool Walk::look(const Frame& frame, const PairedName& name, Entry& entry) {
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
            differs(entry, "on another file system");
        } else {
            failed(makeError(EXDEV, "statx", entry.path, "walk", "another file system is mounted there"));
        }
        return false;
    }
    std::vector<std::string> found;
    judgeStat(entry, request_.subset, found);
    auto links = judgeLinks(entry, frame.directory->tree(), frame.directory->image(), name.name, found);
    if (!links) {
        failed(links.error());
        return false;
    }
    for (std::string& what : found) {
        differs(entry, std::move(what));
    }
    return true;
}

void Walk::descend(size_t frame, const PairedName& name, Entry& entry, bool reported) {
    UniqueFd sides[2];
    const int parents[2] = {frames_[frame].directory->tree(), frames_[frame].directory->image()};
    const bool wanted[2] = {entry.inTree && entry.tree.isDirectory(), entry.inImage && entry.image.isDirectory()};
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

void Walk::visit(size_t frame, const PairedName& name) {
    Frame& top = frames_[frame];
    std::string path = joinPath(top.path, name.name);
    bool reported = top.reported;
    if (twoSided_ && !name.inImage) {
        Entry extra;
        extra.path = std::move(path);
        differs(extra, "only in the tree");
        return;
    }
    Entry& entry = entries_.emplace_back();
    entry.path = std::move(path);
    if (!look(top, name, entry)) {
        return;
    }
    if (twoSided_ && !name.inTree && !reported) {
        if (!request_.subset) {
            differs(entry, "only in the image");
        }
        reported = true;
    }
    control_.addEntries(1);
    bool sameType = !entry.inTree || !entry.inImage || (entry.tree.mode & S_IFMT) == (entry.image.mode & S_IFMT);
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
        judgeXattrs(item, -1, -1, imageXattrs_, *this);
    }
}

// The top itself. The tree's may be a mount point: only what is below must not be one.
bool Walk::lookAtTop(Entry& top, int tree, int image) {
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
    std::vector<std::string> found;
    judgeStat(top, request_.subset, found);
    for (std::string& what : found) {
        differs(top, std::move(what));
    }
    control_.addEntries(1);
    return true;
}

Status Walk::run(UniqueFd tree, UniqueFd image) {
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

std::vector<Difference> Walk::takeDifferences() {
    std::stable_sort(differences_.begin(), differences_.end(),
                     [](const Difference& a, const Difference& b) { return a.path < b.path; });
    return std::move(differences_);
}

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

} // namespace

Result<Comparison> compareTree(const TreeRequest& request, const Control& control) {
    auto tree = openTop(request.tree);
    if (!tree) {
        return tree.error();
    }
    auto mount = mountDetached(request.image, *parseOptions(""));
    if (!mount) {
        return mount.error();
    }
    auto image = openImageTop(*mount, request.image);
    if (!image) {
        return image.error();
    }
    Walk walk(request, mount->hasXattrs, control);
    auto done = walk.run(std::move(*tree), std::move(*image));
    if (!done) {
        return below(done.error(), request.tree);
    }
    Comparison out;
    out.list = formatList(walk.entries());
    out.snapshot = writeSnapshot(walk.entries());
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
    auto mount = ofImage ? mountDetached(request.image, *parseOptions("")) : Result<DetachedMount>(DetachedMount{});
    if (!mount) {
        return mount.error();
    }
    auto top = ofImage ? openImageTop(*mount, request.image) : openTop(request.tree);
    if (!top) {
        return top.error();
    }
    Walk walk(request, mount->hasXattrs, control);
    auto done = ofImage ? walk.run(UniqueFd(), std::move(*top)) : walk.run(std::move(*top), UniqueFd());
    if (!done) {
        return below(done.error(), ofImage ? request.image : request.tree);
    }
    for (const Difference& found : walk.takeDifferences()) {
        // One side only: what can differ is a file from itself, or an owner in an image, which is not the list's.
        if (found.what.starts_with("changed")) {
            return makeError(ESTALE, "read", joinPath(request.tree, found.path), "content", found.what);
        }
    }
    TreeList out = formatList(walk.entries());
    out.snapshot = ofImage ? "" : writeSnapshot(walk.entries());
    if (!request.content) {
        out.list.clear();
    }
    return out;
}

} // namespace ksquash
