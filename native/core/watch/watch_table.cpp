// The older way: the mount table becomes POLLPRI when it has changed, and is then compared by id.
#include "../base/file.h"
#include "../table/mountinfo.h"
#include "watch.h"

#include <fcntl.h>
#include <map>
#include <poll.h>
#include <unistd.h>

namespace ksquash {

namespace {

class TableWatcher final : public MountWatcher {
  public:
    explicit TableWatcher(UniqueFd table) : table_(std::move(table)) {}
    const char* way() const override { return "mountinfo"; }

    // The first reading, with which later ones are compared.
    Status begin() {
        auto rows = read();
        if (!rows) {
            return rows.error();
        }
        known_ = std::move(*rows);
        return Done{};
    }

    Result<std::vector<MountChange>> wait(int stop) override {
        auto ready = waitFor(table_.get(), POLLPRI, stop);
        if (!ready) {
            return ready.error();
        }
        auto rows = read();
        if (!rows) {
            return rows.error();
        }
        std::vector<MountChange> out;
        for (const auto& [id, row] : known_) {
            if (auto now = rows->find(id); now == rows->end() || !isSame(row, now->second)) {
                out.push_back(change(MountChangeKind::detached, row));
            }
        }
        for (const auto& [id, row] : *rows) {
            auto before = known_.find(id);
            if (before == known_.end() || !isSame(before->second, row)) {
                out.push_back(change(MountChangeKind::attached, row));
            } else if (before->second.target != row.target || before->second.parent != row.parent) {
                out.push_back(change(MountChangeKind::moved, row));
            }
        }
        known_ = std::move(*rows);
        return out;
    }

  private:
    using Rows = std::map<uint32_t, MountRow>;

    // Through the polled descriptor itself: reading it is what takes the notice away.
    Result<Rows> read() {
        std::string text;
        if (lseek(table_.get(), 0, SEEK_SET) != 0) {
            return lastError("lseek", path_, "watch");
        }
        char buffer[65536];
        ssize_t got = 0;
        while ((got = ::read(table_.get(), buffer, sizeof(buffer))) > 0 || (got < 0 && errno == EINTR)) {
            text.append(buffer, got > 0 ? static_cast<size_t>(got) : 0);
        }
        if (got < 0) {
            return lastError("read", path_, "watch");
        }
        Rows rows;
        for (MountRow& row : parseMountinfo(text)) {
            uint32_t id = row.id;
            rows.emplace(id, std::move(row));
        }
        return rows;
    }

    // Short ids are used again: another device is another mount.
    static bool isSame(const MountRow& a, const MountRow& b) {
        return a.deviceMajor == b.deviceMajor && a.deviceMinor == b.deviceMinor && a.root == b.root;
    }

    static MountChange change(MountChangeKind kind, const MountRow& row) {
        return MountChange{
            kind,       row.id,     false,
            row.target, row.fstype, std::to_string(row.deviceMajor) + ":" + std::to_string(row.deviceMinor)};
    }

    static constexpr const char* path_ = "/proc/self/mountinfo";
    UniqueFd table_;
    Rows known_;
};

} // namespace

Result<std::unique_ptr<MountWatcher>> watchTable() {
    UniqueFd table(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
    if (!table) {
        return lastError("open", "/proc/self/mountinfo", "watch");
    }
    auto watcher = std::make_unique<TableWatcher>(std::move(table));
    auto begun = watcher->begin();
    if (!begun) {
        return begun.error();
    }
    return std::unique_ptr<MountWatcher>(std::move(watcher));
}

} // namespace ksquash
