// The decision table: visible mount first, then the table of mounts for one that is covered.
#include "mount_status.h"
#include "../loop/loop.h"
#include "../table/mount_facts.h"
#include "../table/mountinfo.h"

#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <sys/sysmacros.h>

namespace ksquash {

namespace {

// The path with its parent resolved as far as it exists, without "//", as the mount table spells it.
std::string tableName(const std::string& path) {
    size_t end = path.find_last_not_of('/');
    if (end == std::string::npos) {
        return "/";
    }
    std::string trimmed = path.substr(0, end + 1);
    size_t slash = trimmed.rfind('/');
    std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : trimmed.substr(0, slash);
    char resolved[PATH_MAX];
    if (realpath(parent.c_str(), resolved) != nullptr) {
        parent = resolved;
    }
    std::string name = slash == std::string::npos ? trimmed : trimmed.substr(slash + 1);
    return parent == "/" ? "/" + name : parent + "/" + name;
}

struct Wanted {
    std::string path; // "" when the caller named no image
    std::string resolved;
    std::optional<FileKey> key; // nothing: there is no such file
};

Wanted lookUpImage(const std::optional<std::string>& image) {
    Wanted out;
    if (!image) {
        return out;
    }
    out.path = *image;
    out.resolved = tableName(*image);
    if (auto stat = statPath(*image, true)) {
        out.key = stat->key;
    }
    return out;
}

// "/a/b (deleted)" without the kernel's mark.
std::string_view withoutMark(std::string_view name) {
    constexpr std::string_view mark = " (deleted)";
    return name.ends_with(mark) ? name.substr(0, name.size() - mark.size()) : name;
}

bool namesImage(const LoopBacking& backing, const Wanted& wanted) {
    auto is = [&](std::string_view name) {
        return !name.empty() && (name == wanted.path || name == wanted.resolved);
    };
    auto was = [&](std::string_view name) {
        return !name.empty() && (name == loopName(wanted.path) || name == loopName(wanted.resolved));
    };
    return is(backing.currentName) || is(withoutMark(backing.currentName)) || was(backing.configuredName) ||
           was(withoutMark(backing.configuredName));
}

// A loop device is mounted: is it the wanted image, a former file of that name, or another?
TargetState classifyBacking(const LoopBacking& backing, const Wanted& wanted) {
    if (wanted.path.empty() || wanted.key == backing.file) {
        return TargetState::mounted;
    }
    if (!namesImage(backing, wanted)) {
        return TargetState::other;
    }
    return wanted.key ? TargetState::stale : TargetState::mounted;
}

void fillBacking(const LoopBacking& backing, const Wanted& wanted, TargetStatus& out) {
    out.device = backing.path();
    out.file = backing.file;
    bool replaced = !wanted.path.empty() && wanted.key != backing.file && namesImage(backing, wanted);
    out.deleted = backing.deleted || replaced;
}

// Is an image of the caller's mounted on this very path, but covered by a later mount?
void findHidden(const std::string& target, const Wanted& wanted, uint64_t visibleId, TargetStatus& out) {
    auto rows = readMountinfo();
    if (!rows) {
        return;
    }
    std::string name = tableName(target);
    for (const MountRow& row : *rows) {
        if (row.target != name || row.deviceMajor != loopMajor || row.id == visibleId) {
            continue;
        }
        auto backing = loopBacking(makedev(row.deviceMajor, row.deviceMinor));
        if (!backing || classifyBacking(*backing, wanted) == TargetState::other) {
            continue;
        }
        out = TargetStatus{};
        out.state = TargetState::hidden;
        out.mountId = row.id;
        out.fstype = row.fstype;
        fillBacking(*backing, wanted, out);
        return;
    }
}

// Could a mount on this very path be covered by a later one? Where the path lies in the mount of "/", nothing
// stands between, and the table (linear in the number of mounts) need not be read.
bool mayBeHidden(const FileStat& stat) {
    auto root = statPath("/", true);
    bool known = stat.mountId != 0 && root && root->uniqueMountId == stat.uniqueMountId;
    return stat.mountRoot || !known || root->mountId != stat.mountId;
}

TargetStatus lookAt(int fd, const FileStat& stat, const Wanted& wanted) {
    TargetStatus out;
    out.state = TargetState::unmounted;
    if (!stat.mountRoot) {
        return out;
    }
    out.mountId = stat.mountId != 0 ? stat.mountId : tableMountId(fd);
    if (auto facts = mountFacts(fd, stat)) {
        out.fstype = facts->fstype;
    }
    out.state = TargetState::other;
    if (auto backing = loopBacking(stat.key.dev)) {
        out.state = classifyBacking(*backing, wanted);
        fillBacking(*backing, wanted, out);
    }
    return out;
}

} // namespace

const char* stateName(TargetState state) {
    static constexpr const char* names[] = {"mounted", "unmounted", "stale", "hidden", "other", "absent"};
    return names[static_cast<size_t>(state)];
}

Result<TargetStatus> statTarget(const std::string& target, const std::optional<std::string>& image) {
    Wanted wanted = lookUpImage(image);
    // O_PATH neither triggers an automount nor needs permission for the file itself.
    UniqueFd fd(open(target.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) {
        SysError error = lastError("open", target, "target");
        if (error.code != ENOENT && error.code != ENOTDIR) {
            return error;
        }
        TargetStatus out;
        findHidden(target, wanted, 0, out);
        return out;
    }
    auto stat = statAt(fd.get(), "", target);
    if (!stat) {
        return withStep(stat.error(), "target");
    }
    TargetStatus out = lookAt(fd.get(), *stat, wanted);
    bool plain = out.state == TargetState::unmounted || out.state == TargetState::other;
    if (plain && mayBeHidden(*stat)) {
        findHidden(target, wanted, stat->mountRoot ? tableMountId(fd.get()) : 0, out);
    }
    return out;
}

} // namespace ksquash
