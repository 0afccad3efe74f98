// Formatting and the snapshot's bytes: "KSQSNAP1", then a length, the path and a fixed record for each entry.
#include "entry.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sys/sysmacros.h>

namespace ksquash {

namespace {

constexpr std::string_view snapshotMagic = "KSQSNAP1";

std::vector<const Entry*> inOrder(const std::deque<Entry>& entries) {
    std::vector<const Entry*> out;
    out.reserve(entries.size());
    for (const Entry& entry : entries) {
        out.push_back(&entry);
    }
    std::sort(out.begin(), out.end(),
              [](const Entry* a, const Entry* b) { return pathBefore(a->path, b->path); });
    return out;
}

void appendLine(const Entry& entry, std::string& out) {
    const FileStat& stat = entry.listed();
    char head[64];
    unsigned mode = stat.isLink() ? 0777U : stat.mode & 07777U; // a link's mode has no meaning
    std::string size = std::to_string(stat.isRegular() ? stat.size : 0);
    if (S_ISCHR(stat.mode) || S_ISBLK(stat.mode)) {
        size = std::to_string(major(stat.rdev)) + ":" + std::to_string(minor(stat.rdev));
    }
    snprintf(head, sizeof(head), "%c %04o ", typeLetter(stat.mode), mode);
    out += head;
    // The top's own time is no content: mksquashfs 4.5.1 cannot set it for a tar.
    int64_t time = entry.path == "." ? 0 : stat.mtime.seconds;
    out += size;
    out += ' ';
    out += std::to_string(time);
    out += ' ';
    out += stat.isRegular() ? hex(entry.digest) : "-";
    out += ' ';
    out += escapeField(entry.path);
    if (stat.isLink()) {
        out += " " + escapeField(entry.link);
    }
    if (entry.xattrs) {
        out += " x=" + hex(*entry.xattrs);
    }
    out += '\n';
}

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

bool pathBefore(const std::string& a, const std::string& b) {
    // "." sorts behind names like "!" or "-x": it is put first by hand.
    if (a == "." || b == ".") {
        return a == "." && b != ".";
    }
    return a < b;
}

char typeLetter(uint32_t mode) {
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return 'd';
    case S_IFREG:
        return 'f';
    case S_IFLNK:
        return 'l';
    case S_IFCHR:
        return 'c';
    case S_IFBLK:
        return 'b';
    case S_IFIFO:
        return 'p';
    default:
        return 's';
    }
}

const char* typeName(uint32_t mode) {
    switch (typeLetter(mode)) {
    case 'd':
        return "directory";
    case 'f':
        return "file";
    case 'l':
        return "symbolic link";
    case 'c':
        return "character device";
    case 'b':
        return "block device";
    case 'p':
        return "FIFO";
    default:
        return "socket";
    }
}

std::optional<Digest> digestXattrs(const std::vector<Xattr>& xattrs) {
    if (xattrs.empty()) {
        return std::nullopt;
    }
    Sha256 hash;
    for (const Xattr& xattr : xattrs) {
        hash.update(xattr.name.data(), xattr.name.size());
        hash.update("=", 1);
        hash.update(xattr.value.data(), xattr.value.size());
        hash.update("\0", 1);
    }
    return hash.finish();
}

TreeList formatList(const std::deque<Entry>& entries) {
    TreeList out;
    for (const Entry* entry : inOrder(entries)) {
        appendLine(*entry, out.list);
        ++out.entries;
        out.bytes += entry->listed().isRegular() ? entry->listed().size : 0;
    }
    return out;
}

SeenEntry seen(const FileStat& stat) {
    return SeenEntry{stat.key, stat.size, stat.mtime, stat.ctime, stat.mode, stat.links};
}

bool isStill(const SeenEntry& was, const FileStat& now) {
    if (now.isDirectory()) {
        return was.key == now.key && S_ISDIR(was.mode);
    }
    return was.key == now.key && was.size == now.size && was.mtime == now.mtime && was.ctime == now.ctime &&
           was.mode == now.mode && was.links == now.links;
}

std::string writeSnapshot(const std::deque<Entry>& entries, bool compared) {
    std::string out(snapshotMagic);
    for (const Entry* entry : inOrder(entries)) {
        if (!entry->inTree || (compared && !entry->inImage)) {
            continue;
        }
        const FileStat& stat = entry->tree;
        put(out, static_cast<uint32_t>(entry->path.size()));
        out += entry->path;
        put(out, stat.key.dev);
        put(out, stat.key.ino);
        put(out, stat.size);
        put(out, stat.mtime.seconds);
        put(out, stat.mtime.nanoseconds);
        put(out, stat.ctime.seconds);
        put(out, stat.ctime.nanoseconds);
        put(out, stat.mode);
        put(out, stat.links);
    }
    return out;
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
