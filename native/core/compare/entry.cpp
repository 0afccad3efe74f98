// Formatting, in order of path.
#include "entry.h"
#include "../tree/snapshot.h"

#include <algorithm>
#include <cstdio>
#include <sys/sysmacros.h>

namespace ksquash {

namespace {

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

std::string writeSnapshot(const std::deque<Entry>& entries, bool compared) {
    SnapshotWriter out;
    for (const Entry* entry : inOrder(entries)) {
        if (entry->inTree && (entry->inImage || !compared)) {
            out.add(entry->path, entry->tree);
        }
    }
    return std::move(out).bytes();
}

} // namespace ksquash
