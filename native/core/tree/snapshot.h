// How a tree was when it was read, as bytes that JavaScript keeps and hands to the removal: what is not still
// so stays. The format is of one process's life only: it is never stored.
#pragma once

#include "../base/file.h"

#include <unordered_map>

namespace ksquash {

// What a snapshot keeps of an entry.
struct SeenEntry {
    FileKey key;
    uint64_t size = 0;
    FileTime mtime;
    FileTime ctime;
    uint32_t mode = 0;
    uint32_t links = 0;
};
using Snapshot = std::unordered_map<std::string, SeenEntry>;

// A directory's times change with every entry that goes: there it counts only that it is the same one.
bool isStill(const SeenEntry& was, const FileStat& now);

class SnapshotWriter {
  public:
    SnapshotWriter();
    // `path` is relative, "." for the top.
    void add(const std::string& path, const FileStat& stat);
    std::string bytes() && { return std::move(bytes_); }

  private:
    std::string bytes_;
};

// EINVAL when these are not a snapshot's bytes.
Result<Snapshot> readSnapshot(std::string_view bytes);

} // namespace ksquash
