// "KSQSNAP1", then a length, the path and a fixed record for each entry.
#include "snapshot.h"

#include <cstring>

namespace ksquash {

namespace {

constexpr std::string_view snapshotMagic = "KSQSNAP1";

template <class T> void put(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <class T> bool take(std::string_view& in, T& value) {
    if (in.size() < sizeof(value)) {
        return false;
    }
    memcpy(&value, in.data(), sizeof(value));
    in.remove_prefix(sizeof(value));
    return true;
}

bool takeTime(std::string_view& in, FileTime& time) {
    return take(in, time.seconds) && take(in, time.nanoseconds);
}

bool takeEntry(std::string_view& in, std::string& path, SeenEntry& entry) {
    uint32_t length = 0;
    if (!take(in, length) || in.size() < length) {
        return false;
    }
    path = in.substr(0, length);
    in.remove_prefix(length);
    return take(in, entry.key.dev) && take(in, entry.key.ino) && take(in, entry.size) &&
           takeTime(in, entry.mtime) && takeTime(in, entry.ctime) && take(in, entry.mode) &&
           take(in, entry.links);
}

} // namespace

bool isStill(const SeenEntry& was, const FileStat& now) {
    if (now.isDirectory()) {
        return was.key == now.key && S_ISDIR(was.mode);
    }
    return was.key == now.key && was.size == now.size && was.mtime == now.mtime && was.ctime == now.ctime &&
           was.mode == now.mode && was.links == now.links;
}

SnapshotWriter::SnapshotWriter() : bytes_(snapshotMagic) {}

void SnapshotWriter::add(const std::string& path, const FileStat& stat) {
    put(bytes_, static_cast<uint32_t>(path.size()));
    bytes_ += path;
    put(bytes_, stat.key.dev);
    put(bytes_, stat.key.ino);
    put(bytes_, stat.size);
    put(bytes_, stat.mtime.seconds);
    put(bytes_, stat.mtime.nanoseconds);
    put(bytes_, stat.ctime.seconds);
    put(bytes_, stat.ctime.nanoseconds);
    put(bytes_, stat.mode);
    put(bytes_, stat.links);
}

Result<Snapshot> readSnapshot(std::string_view bytes) {
    Snapshot out;
    bool good = bytes.starts_with(snapshotMagic);
    bytes.remove_prefix(good ? snapshotMagic.size() : bytes.size());
    while (good && !bytes.empty()) {
        std::string path;
        SeenEntry entry;
        good = takeEntry(bytes, path, entry);
        if (good) {
            out.emplace(std::move(path), entry);
        }
    }
    if (!good) {
        return makeError(EINVAL, "snapshot", {}, "snapshot", "these bytes are not a snapshot of a tree");
    }
    return out;
}

} // namespace ksquash
