// statmount(2) takes unique ids only, and the table knows the short ones only: each is asked with its own.
#include "mount_facts.h"
#include "../base/abi.h"
#include "mountinfo.h"

#include <charconv>
#include <cstring>
#include <sys/sysmacros.h>

namespace ksquash {

namespace {

std::optional<MountFacts> byStatmount(uint64_t id) {
    alignas(8) char buffer[4096] = {};
    constexpr uint64_t want = abi::statmountSbBasic | abi::statmountMntBasic | abi::statmountFsType;
    abi::MountIdRequest request{24, 0, id, want}; // 24: MNT_ID_REQ_SIZE_VER0
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
                      makedev(head.deviceMajor, head.deviceMinor), true};
}

std::optional<MountFacts> byTable(uint64_t id) {
    auto rows = readMountinfo();
    if (!rows || id == 0) {
        return std::nullopt;
    }
    for (const MountRow& row : *rows) {
        if (row.id == id) {
            return MountFacts{row.fstype, row.parent, makedev(row.deviceMajor, row.deviceMinor), false};
        }
    }
    return std::nullopt;
}

} // namespace

uint64_t tableMountId(int fd) {
    auto text = readSmallFile("/proc/self/fdinfo/" + std::to_string(fd));
    constexpr std::string_view key = "mnt_id:\t";
    size_t at = text ? text->find(key) : std::string::npos;
    uint64_t id = 0;
    if (at != std::string::npos) {
        std::from_chars(text->data() + at + key.size(), text->data() + text->size(), id);
    }
    return id;
}

namespace {

// statx(2) has told it already from 5.8 on, until the ids became unique ones (6.8).
uint64_t tableIdOf(int fd, const FileStat& stat) {
    return stat.mountId != 0 && !stat.uniqueMountId ? stat.mountId : tableMountId(fd);
}

} // namespace

std::optional<MountFacts> mountFacts(int fd, const FileStat& stat) {
    if (stat.uniqueMountId) {
        if (auto facts = byStatmount(stat.mountId)) {
            return facts;
        }
    }
    return byTable(tableIdOf(fd, stat));
}

Result<bool> isMountedOn(int mount, int place) {
    auto top = statAt(mount, "", "");
    auto below = statAt(place, "", "");
    if (!top || !below) {
        return withStep(top ? below.error() : top.error(), "move");
    }
    auto facts = mountFacts(mount, *top);
    return facts && facts->parentId == (facts->uniqueId ? below->mountId : tableIdOf(place, *below));
}

} // namespace ksquash
