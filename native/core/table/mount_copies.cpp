// Namespaces are told apart by their link in /proc, and each one's table is read once.
#include "mount_copies.h"
#include "../base/file.h"

#include <algorithm>
#include <fcntl.h>
#include <set>
#include <sys/sysmacros.h>

namespace ksquash {

namespace {

const MountRow* rowOfId(const std::vector<MountRow>& rows, uint32_t id) {
    auto found = std::find_if(rows.begin(), rows.end(), [&](const MountRow& row) { return row.id == id; });
    return found == rows.end() ? nullptr : &*found;
}

bool isOf(const MountRow& row, dev_t device) {
    return makedev(row.deviceMajor, row.deviceMinor) == device;
}

// "shared:7" of the mounts on which ours stand gives "7".
std::set<std::string> peerGroups(const std::vector<MountRow>& own, dev_t device) {
    constexpr std::string_view shared = "shared:";
    std::set<std::string> out;
    for (const MountRow& row : own) {
        const MountRow* parent = isOf(row, device) ? rowOfId(own, row.parent) : nullptr;
        for (const std::string& tag : parent != nullptr ? parent->tags : std::vector<std::string>()) {
            if (tag.starts_with(shared)) {
                out.insert(tag.substr(shared.size()));
            }
        }
    }
    return out;
}

bool receivesFrom(const MountRow* parent, const std::set<std::string>& groups) {
    if (parent == nullptr) {
        return false;
    }
    return std::any_of(parent->tags.begin(), parent->tags.end(), [&](const std::string& tag) {
        size_t colon = tag.find(':');
        return colon != std::string::npos && groups.contains(tag.substr(colon + 1));
    });
}

} // namespace

std::vector<const MountRow*> mountsBelow(const std::vector<MountRow>& rows, std::string_view path) {
    std::string prefix(path);
    if (!prefix.ends_with('/')) {
        prefix += '/';
    }
    std::vector<const MountRow*> out;
    for (const MountRow& row : rows) {
        if (row.target.starts_with(prefix) && row.target.size() > prefix.size()) {
            out.push_back(&row);
        }
    }
    return out;
}

std::vector<MountCopy> findMountCopies(const std::vector<MountRow>& own, dev_t device,
                                       const std::vector<int>& pids) {
    std::vector<MountCopy> out;
    std::set<std::string> seen;
    if (auto mine = readLinkAt(AT_FDCWD, "/proc/self/ns/mnt", "")) {
        seen.insert(*mine);
    }
    std::set<std::string> groups = peerGroups(own, device);
    for (int pid : pids) {
        std::string base = "/proc/" + std::to_string(pid);
        auto link = readLinkAt(AT_FDCWD, (base + "/ns/mnt").c_str(), "");
        if (!link || !seen.insert(*link).second) {
            continue;
        }
        auto rows = readMountinfo(base + "/mountinfo");
        if (!rows) {
            continue;
        }
        auto copy = std::find_if(rows->begin(), rows->end(), [&](const MountRow& row) {
            return isOf(row, device) && !receivesFrom(rowOfId(*rows, row.parent), groups);
        });
        if (copy != rows->end()) {
            out.push_back(MountCopy{pid, copy->target});
        }
    }
    return out;
}

} // namespace ksquash
