// Depth first with a stack of open directories. A hard link's ctime changes when its sibling goes, so the
// ctime that our own unlink made is remembered for the siblings.
#include "remove.h"
#include "../table/mount_copies.h"
#include "directory.h"
#include "snapshot.h"

#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <map>
#include <unistd.h>
#include <unordered_set>

namespace ksquash {

namespace {

constexpr size_t keptNamed = 1000;

class Removal {
  public:
    Removal(const RemoveRequest& request, const Control& control)
        : request_(request), control_(control), spared_(request.keep.begin(), request.keep.end()) {}
    Result<RemoveResult> run();

  private:
    struct Frame {
        UniqueFd fd;
        std::vector<Name> names;
        size_t next = 0;
        std::string path;
        std::string name;
        bool stays = false; // something below it does
    };
    // What our own unlinks did to a file with several names.
    struct Unlinked {
        FileTime ctime;
        uint32_t links = 0;
    };

    Status prepare(const ParentAndName& place, const FileStat& top);
    Status visit();
    Status leave();
    Status unlinkEntry(int dir, const std::string& name, const std::string& path, const FileStat& stat);
    Status enter(int dir, const std::string& name, const std::string& path, const FileStat& looked);
    bool isExpected(const std::string& path, const FileStat& stat) const;
    void keep(const std::string& path);

    const RemoveRequest& request_;
    const Control& control_;
    const std::unordered_set<std::string_view> spared_;
    std::optional<Snapshot> snapshot_;
    std::map<std::pair<dev_t, ino_t>, Unlinked> unlinked_;
    std::vector<Frame> frames_;
    int parent_ = -1;
    dev_t device_ = 0;
    RemoveResult result_;
};

bool Removal::isExpected(const std::string& path, const FileStat& stat) const {
    if (!snapshot_) {
        return true;
    }
    auto found = snapshot_->find(path);
    if (found == snapshot_->end()) {
        return false;
    }
    SeenEntry want = found->second;
    if (auto ours = unlinked_.find({stat.key.dev, stat.key.ino}); ours != unlinked_.end()) {
        want.ctime = ours->second.ctime;
        want.links = ours->second.links;
    }
    return isStill(want, stat);
}

// Marks the directories above, which cannot go either.
void Removal::keep(const std::string& path) {
    if (spared_.contains(path)) {
        ++result_.spared;
    } else if (++result_.keptCount <= keptNamed) {
        result_.kept.push_back(path);
    }
    for (Frame& frame : frames_) {
        frame.stays = true;
    }
}

Status Removal::unlinkEntry(int dir, const std::string& name, const std::string& path, const FileStat& stat) {
    UniqueFd watch;
    if (stat.links > 1) {
        watch.reset(openat(dir, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    }
    if (unlinkat(dir, name.c_str(), 0) != 0) {
        if (errno == ENOENT) {
            return Done{}; // gone by itself
        }
        return lastError("unlinkat", path, "remove");
    }
    ++result_.removed;
    control_.addEntries(1);
    control_.addBytes(stat.isRegular() ? stat.size : 0);
    if (watch) {
        if (auto now = statAt(watch.get(), "", path); now && now->key == stat.key) {
            unlinked_[{stat.key.dev, stat.key.ino}] = Unlinked{now->ctime, now->links};
        }
    }
    return Done{};
}

Status Removal::enter(int dir, const std::string& name, const std::string& path, const FileStat& looked) {
    auto fd = openDirectory(dir, name.c_str(), path);
    if (!fd) {
        return fd.error();
    }
    // What was opened may not be what was looked at.
    auto stat = statAt(fd->get(), "", path);
    if (!stat) {
        return stat.error();
    }
    if (stat->mountRoot || stat->key.dev != device_) {
        return makeError(EXDEV, "unlinkat", path, "remove", "another file system is mounted there");
    }
    if (stat->key != looked.key) {
        return makeError(ESTALE, "unlinkat", path, "remove", "another directory was put in its place");
    }
    auto names = readNames(fd->get(), path);
    if (!names) {
        return names.error();
    }
    frames_.push_back(Frame{std::move(*fd), std::move(*names), 0, path, name, false});
    return Done{};
}

// Looks at the next name of the innermost directory.
Status Removal::visit() {
    Frame& top = frames_.back();
    const std::string name = top.names[top.next++].name;
    const std::string path = joinPath(top.path, name);
    const int dir = top.fd.get();
    auto stat = statAt(dir, name.c_str(), path);
    if (!stat) {
        return stat.error().code == ENOENT ? Status(Done{}) : Status(stat.error());
    }
    if (stat->mountRoot || stat->key.dev != device_) {
        return makeError(EXDEV, "unlinkat", path, "remove", "another file system is mounted there");
    }
    if (spared_.contains(path) || !isExpected(path, *stat)) {
        keep(path);
        return Done{};
    }
    return stat->isDirectory() ? enter(dir, name, path, *stat) : unlinkEntry(dir, name, path, *stat);
}

// The innermost directory is done: it goes, unless something in it stays.
Status Removal::leave() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    frame.fd.reset();
    if (frame.stays) {
        return Done{};
    }
    int dir = frames_.empty() ? parent_ : frames_.back().fd.get();
    if (unlinkat(dir, frame.name.c_str(), AT_REMOVEDIR) == 0) {
        ++result_.removed;
        control_.addEntries(1);
        return Done{};
    }
    if (errno == ENOTEMPTY || errno == EEXIST) {
        keep(frame.path); // something new was put into it meanwhile
        return Done{};
    }
    return errno == ENOENT ? Status(Done{}) : Status(lastError("unlinkat", frame.path, "remove"));
}

Status Removal::prepare(const ParentAndName& place, const FileStat& top) {
    if (request_.top && top.key != *request_.top) {
        return makeError(ESTALE, "unlinkat", request_.path, "remove", "it is not what it was any more");
    }
    if (top.mountRoot) {
        return makeError(EBUSY, "unlinkat", request_.path, "remove", "it is a mount point");
    }
    if (request_.expect) {
        auto snapshot = readSnapshot(*request_.expect);
        if (!snapshot) {
            return snapshot.error();
        }
        snapshot_ = std::move(*snapshot);
    }
    if (!top.isDirectory()) {
        return Done{};
    }
    char resolved[PATH_MAX];
    auto rows = readMountinfo();
    if (!rows || realpath(place.parentPath.c_str(), resolved) == nullptr) {
        return Done{}; // each entry is looked at again anyway
    }
    if (auto below = mountsBelow(*rows, joinPath(resolved, place.name)); !below.empty()) {
        return makeError(EBUSY, "unlinkat", request_.path, "remove",
                         "a file system is mounted below it, at " + escapePath(below.front()->target));
    }
    return Done{};
}

Result<RemoveResult> Removal::run() {
    auto place = openParent(request_.path);
    if (!place) {
        return place.error();
    }
    auto top = statAt(place->parent.get(), place->name.c_str(), request_.path);
    if (!top) {
        return top.error();
    }
    auto ready = prepare(*place, *top);
    if (!ready) {
        return ready.error();
    }
    parent_ = place->parent.get();
    device_ = top->key.dev;
    Status step = Done{};
    if (spared_.contains(".") || !isExpected(".", *top)) {
        keep(".");
    } else {
        step = top->isDirectory() ? enter(parent_, place->name, ".", *top)
                                  : unlinkEntry(parent_, place->name, ".", *top);
    }
    while (step && !frames_.empty()) {
        if (control_.cancelled()) {
            return Control::cancelError();
        }
        step = frames_.back().next < frames_.back().names.size() ? visit() : leave();
    }
    if (!step) {
        SysError error = step.error();
        error.path = error.path == "." ? request_.path : joinPath(request_.path, error.path);
        return error;
    }
    if (auto synced = syncDirectory(parent_, place->parentPath); !synced) {
        return synced.error();
    }
    return std::move(result_);
}

} // namespace

Result<RemoveResult> removeTree(const RemoveRequest& request, const Control& control) {
    return Removal(request, control).run();
}

} // namespace ksquash
