// The decision table: visible mount first, then the table of mounts for one that is covered.
#include "target.h"
#include "abi.h"
#include "loop.h"
#include "mountinfo.h"

#include <climits>
#include <cstdlib>
#include <cstring>
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

// statmount(2): the file system's type and the mount below this one; nothing where the kernel lacks the call.
struct MountFacts {
    std::string fstype;
    uint64_t parentId = 0;
    dev_t device = 0;
};

std::optional<MountFacts> mountFacts(uint64_t uniqueId) {
    alignas(8) char buffer[4096] = {};
    constexpr uint64_t want = abi::statmountSbBasic | abi::statmountMntBasic | abi::statmountFsType;
    abi::MountIdRequest request{24, 0, uniqueId, want}; // 24: MNT_ID_REQ_SIZE_VER0
    if (abi::statmount(&request, buffer, sizeof(buffer)) != 0) {
        return std::nullopt;
    }
    abi::StatmountHead head{};
    memcpy(&head, buffer, sizeof(head));
    // The kernel says in the mask what it has really filled in.
    if ((head.mask & want) != want || head.fsType >= sizeof(buffer) - sizeof(head)) {
        return std::nullopt;
    }
    return MountFacts{buffer + sizeof(head) + head.fsType, head.parentId,
                      makedev(head.deviceMajor, head.deviceMinor)};
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
    return is(backing.currentName) || is(withoutMark(backing.currentName)) || is(backing.configuredName) ||
           is(withoutMark(backing.configuredName));
}

// A loop device is mounted: is it the wanted image, a former file of that name, or another?
TargetState judge(const LoopBacking& backing, const Wanted& wanted) {
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
        if (!backing || judge(*backing, wanted) == TargetState::other) {
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

std::string fstypeOf(const FileStat& stat) {
    if (stat.uniqueMountId) {
        if (auto facts = mountFacts(stat.mountId)) {
            return facts->fstype;
        }
    }
    auto rows = readMountinfo();
    if (!rows) {
        return {};
    }
    for (const MountRow& row : *rows) {
        bool same = stat.uniqueMountId ? makedev(row.deviceMajor, row.deviceMinor) == stat.key.dev
                                       : row.id == stat.mountId;
        if (same) {
            return row.fstype;
        }
    }
    return {};
}

// The mountinfo id, to tell the visible row from a covered one on the same path.
uint64_t tableId(const std::string& target) {
    struct statx raw {};
    bool known =
        statx(AT_FDCWD, target.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MNT_ID, &raw) == 0;
    return known ? raw.stx_mnt_id : 0;
}

} // namespace

const char* stateName(TargetState state) {
    static constexpr const char* names[] = {"mounted", "unmounted", "stale", "hidden", "other", "absent"};
    return names[static_cast<size_t>(state)];
}

Result<TargetStatus> statTarget(const std::string& target, const std::optional<std::string>& image) {
    TargetStatus out;
    Wanted wanted = lookUpImage(image);
    auto stat = statPath(target, false);
    if (!stat) {
        if (stat.error().code != ENOENT && stat.error().code != ENOTDIR) {
            return stat.error();
        }
        findHidden(target, wanted, 0, out);
        return out;
    }
    out.state = TargetState::unmounted;
    if (stat->mountRoot) {
        out.mountId = stat->mountId;
        out.fstype = fstypeOf(*stat);
        out.state = TargetState::other;
        if (auto backing = loopBacking(stat->key.dev)) {
            out.state = judge(*backing, wanted);
            fillBacking(*backing, wanted, out);
        }
    }
    if (out.state == TargetState::unmounted || out.state == TargetState::other) {
        findHidden(target, wanted, stat->mountRoot ? tableId(target) : 0, out);
    }
    return out;
}

} // namespace ksquash
