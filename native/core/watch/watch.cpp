// The newer way: each event carries a unique mount id; statmount(2) tells what it is. Of a mount that has
// gone only the id is left, so what is known of each is kept.
#include "watch.h"
#include "../base/abi.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <poll.h>
#include <sys/fanotify.h>
#include <unistd.h>

namespace ksquash {

const char* kindName(MountChangeKind kind) {
    static constexpr const char* names[] = {"attached", "detached", "moved", "lost"};
    return names[static_cast<size_t>(kind)];
}

Status waitFor(int fd, short events, int stop) {
    for (;;) {
        pollfd both[2] = {{fd, events, 0}, {stop, POLLIN, 0}};
        int ready = poll(both, 2, -1);
        if (ready < 0 && errno != EINTR) {
            return lastError("poll", {}, "watch");
        }
        if (ready > 0 && both[1].revents != 0) {
            return makeError(ECANCELED, "poll", {}, "watch", "");
        }
        if (ready > 0) {
            return Done{};
        }
    }
}

namespace {

constexpr unsigned reportMnt = 0x00004000;
constexpr unsigned markMntns = 0x00000110;
constexpr uint64_t mntAttach = 0x01000000;
constexpr uint64_t mntDetach = 0x02000000;
constexpr uint8_t infoTypeMnt = 7;

std::string deviceText(uint32_t deviceMajor, uint32_t deviceMinor) {
    return std::to_string(deviceMajor) + ":" + std::to_string(deviceMinor);
}

// What statmount(2) says of one mount; without a target when it has gone meanwhile.
MountChange lookUpMount(uint64_t id) {
    MountChange out{MountChangeKind::attached, id, true, {}, {}, {}};
    constexpr uint64_t want = abi::statmountSbBasic | abi::statmountMntPoint | abi::statmountFsType;
    abi::MountIdRequest request{24, 0, id, want};
    std::vector<char> buffer(8192);
    int failed = 0;
    while ((failed = abi::statmount(&request, buffer.data(), buffer.size())) != 0 && errno == EOVERFLOW) {
        buffer.resize(buffer.size() * 2); // a path may be long
    }
    abi::StatmountHead head{};
    memcpy(&head, buffer.data(), sizeof(head));
    if (failed != 0 || (head.mask & want) != want) {
        return out;
    }
    const char* strings = buffer.data() + sizeof(head);
    out.target = strings + head.mountPoint;
    out.fstype = strings + head.fsType;
    out.device = deviceText(head.deviceMajor, head.deviceMinor);
    return out;
}

class FanotifyWatcher final : public MountWatcher {
  public:
    explicit FanotifyWatcher(UniqueFd group) : group_(std::move(group)) {}
    const char* way() const override { return "fanotify"; }

    // Every mount there is now. After the mark was set, so that none can slip through between.
    void learn() {
        known_.clear();
        uint64_t ids[512];
        uint64_t last = 0;
        for (;;) {
            abi::MountIdRequest request{24, 0, abi::listmountRoot, last};
            int count = abi::listmount(&request, ids, std::size(ids));
            for (int i = 0; i < count; ++i) {
                known_[ids[i]] = lookUpMount(ids[i]);
            }
            if (count < static_cast<int>(std::size(ids))) {
                return;
            }
            last = ids[count - 1];
        }
    }

    Result<std::vector<MountChange>> wait(int stop) override {
        auto ready = waitFor(group_.get(), POLLIN, stop);
        if (!ready) {
            return ready.error();
        }
        alignas(fanotify_event_metadata) char buffer[8192];
        ssize_t got = read(group_.get(), buffer, sizeof(buffer));
        if (got < 0 && errno != EAGAIN && errno != EINTR) {
            return lastError("read", "fanotify", "watch");
        }
        std::vector<MountChange> out;
        for (ssize_t at = 0; at < got;) {
            fanotify_event_metadata event{};
            memcpy(&event, buffer + at, sizeof(event));
            take(event, buffer + at, out);
            at += event.event_len;
        }
        return out;
    }

  private:
    void take(const fanotify_event_metadata& event, const char* raw, std::vector<MountChange>& out) {
        if ((event.mask & FAN_Q_OVERFLOW) != 0) {
            learn();
            out.push_back(MountChange{});
            return;
        }
        fanotify_event_info_header info{};
        uint64_t id = 0;
        memcpy(&info, raw + event.metadata_len, sizeof(info));
        if (info.info_type != infoTypeMnt) {
            return;
        }
        // struct fanotify_event_info_mnt: the id is aligned to eight bytes.
        memcpy(&id, raw + event.metadata_len + sizeof(uint64_t), sizeof(id));
        bool attached = (event.mask & mntAttach) != 0;
        MountChange change = attached ? lookUpMount(id) : known_[id];
        change.id = id;
        change.unique = true;
        change.kind = !attached                       ? MountChangeKind::detached
                      : (event.mask & mntDetach) != 0 ? MountChangeKind::moved
                                                      : MountChangeKind::attached;
        if (attached) {
            known_[id] = change;
        } else {
            known_.erase(id);
        }
        out.push_back(std::move(change));
    }

    UniqueFd group_;
    std::map<uint64_t, MountChange> known_;
};

// Nothing where the kernel lacks it, or where this process may not (CAP_SYS_ADMIN).
std::unique_ptr<MountWatcher> watchByFanotify() {
    unsigned flags = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | reportMnt;
    UniqueFd group(static_cast<int>(syscall(SYS_fanotify_init, flags, O_RDONLY | O_CLOEXEC)));
    UniqueFd space(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
    if (!group || !space || abi::statmount(nullptr, nullptr, 0) == 0 || errno == ENOSYS || errno == EPERM) {
        return nullptr;
    }
    if (syscall(SYS_fanotify_mark, group.get(), FAN_MARK_ADD | markMntns, mntAttach | mntDetach, space.get(),
                nullptr) != 0) {
        return nullptr;
    }
    auto watcher = std::make_unique<FanotifyWatcher>(std::move(group));
    watcher->learn();
    return watcher;
}

} // namespace

Result<std::unique_ptr<MountWatcher>> watchMounts(bool onlyTable) {
    auto watcher = onlyTable ? nullptr : watchByFanotify();
    if (watcher != nullptr) {
        return watcher;
    }
    return watchTable();
}

} // namespace ksquash
