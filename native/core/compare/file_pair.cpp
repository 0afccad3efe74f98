// Equal sizes are known from the walk: content is read only where it can decide something, or must be hashed.
#include "file_pair.h"
#include "../tree/directory.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <fcntl.h>

namespace ksquash {

namespace {
constexpr size_t chunkSize = size_t{1} << 20U;
}

void FilePair::openTree() {
    const Entry& entry = *item_.entry;
    if (!entry.inTree) {
        return;
    }
    auto fd = openFile(item_.directory->tree(), item_.name.c_str(), entry.path);
    if (!fd) {
        failed_ = true;
        sink_.failed(fd.error());
        return;
    }
    tree_ = std::move(*fd);
    if (entry.tree.size > 0) {
        posix_fadvise(tree_.get(), 0, 0, POSIX_FADV_WILLNEED);
    }
}

bool FilePair::readWhole(int fd, uint64_t size, std::unique_ptr<uint8_t[]>& to) {
    to.reset(new uint8_t[size + 1]); // one more: a file that has grown is seen
    auto got = readAt(fd, to.get(), size + 1, 0, item_.entry->path);
    if (!got) {
        failed_ = true;
        sink_.failed(got.error());
    }
    return got && *got == size;
}

// No path of an image changes, so that it leads to the same file in each mount; one that is too long for a
// system call is opened below its directory.
Result<UniqueFd> FilePair::openImage(int root) const {
    const std::string& path = item_.entry->path;
    if (root >= 0 && path.size() < PATH_MAX) {
        return openFile(root, path.c_str(), path);
    }
    return openFile(item_.directory->image(), item_.name.c_str(), path);
}

void FilePair::readImage(int root) {
    const Entry& entry = *item_.entry;
    if (!entry.inImage || failed_) {
        return;
    }
    auto fd = openImage(root);
    if (!fd) {
        failed_ = true;
        sink_.failed(fd.error());
        return;
    }
    image_ = std::move(*fd);
    // squashfs widens every read to its whole block anyway (squashfs_readahead, 6.0); guesses beyond are
    // wasted.
    posix_fadvise(image_.get(), 0, 0, POSIX_FADV_RANDOM);
    if (entry.image.size <= largeFile && !readWhole(image_.get(), entry.image.size, held_) && !failed_) {
        failed_ = true;
        sink_.failed(
            makeError(EIO, "read", entry.path, "content", "the image gave fewer bytes than its inode says"));
    }
}

bool FilePair::compareHeld(Sha256& hash) {
    const Entry& entry = *item_.entry;
    uint64_t size = entry.listed().size;
    if (!entry.inImage) {
        if (!readWhole(tree_.get(), size, held_)) {
            return false;
        }
        hash.update(held_.get(), size);
        return true;
    }
    hash.update(held_.get(), size);
    if (!entry.inTree || entry.tree.size != size) {
        return true; // the size is a difference that the walk has noted
    }
    std::unique_ptr<uint8_t[]> other;
    return readWhole(tree_.get(), size, other) && memcmp(held_.get(), other.get(), size) == 0;
}

bool FilePair::compareChunks(Sha256& hash) {
    const Entry& entry = *item_.entry;
    const bool both = entry.inImage && entry.inTree && entry.tree.size == entry.image.size;
    const int listed = entry.inImage ? image_.get() : tree_.get();
    const uint64_t size = entry.listed().size;
    std::unique_ptr<uint8_t[]> first(new uint8_t[chunkSize]);
    std::unique_ptr<uint8_t[]> second(new uint8_t[chunkSize]);
    bool equal = true;
    for (uint64_t at = 0; at < size && !sink_.stopped(); at += chunkSize) {
        size_t want = static_cast<size_t>(std::min<uint64_t>(chunkSize, size - at));
        auto got = readAt(listed, first.get(), want, at, entry.path);
        auto other = both && got ? readAt(tree_.get(), second.get(), want, at, entry.path) : got;
        if (!got || !other) {
            failed_ = true;
            sink_.failed(got ? other.error() : got.error());
            return false;
        }
        if (*got != want && entry.inImage) {
            failed_ = true;
            sink_.failed(makeError(EIO, "read", entry.path, "content",
                                   "the image gave fewer bytes than its inode says"));
            return false;
        }
        hash.update(first.get(), *got);
        equal = equal && *got == want && *other == want &&
                (!both || memcmp(first.get(), second.get(), want) == 0);
    }
    return equal;
}

bool FilePair::unchanged() {
    const Entry& entry = *item_.entry;
    if (!entry.inTree) {
        return true;
    }
    auto now = statAt(tree_.get(), "", entry.path);
    if (!now) {
        failed_ = true;
        sink_.failed(now.error());
        return true;
    }
    return now->key == entry.tree.key && now->size == entry.tree.size && now->mtime == entry.tree.mtime &&
           now->ctime == entry.tree.ctime;
}

uint64_t FilePair::finish() {
    Entry& entry = *item_.entry;
    if (failed_) {
        return 0;
    }
    Sha256 hash;
    bool large = entry.listed().size > largeFile;
    bool equal = large ? compareChunks(hash) : compareHeld(hash);
    if (failed_) {
        return 0;
    }
    entry.digest = hash.finish();
    if (!unchanged()) {
        sink_.differs({entry.path, DifferenceKind::changed, {}});
    } else if (!equal) {
        sink_.differs({entry.path, DifferenceKind::content, {}});
    }
    compareXattrs(item_, tree_.get(), image_.get(), imageXattrs_, sink_);
    return entry.listed().size;
}

namespace {

bool sideXattrs(int fd, int directory, const ContentItem& item, ContentSink& sink, std::vector<Xattr>& out) {
    std::string name = fd >= 0 ? std::string() : fdPath(directory, item.name);
    auto xattrs = readXattrs(fd, name, item.entry->path);
    if (!xattrs) {
        sink.failed(xattrs.error());
        return false;
    }
    out = std::move(*xattrs);
    return true;
}

// The first name that only one side has, or that has two values.
std::string firstDifference(const std::vector<Xattr>& a, const std::vector<Xattr>& b) {
    size_t at = 0;
    while (at < a.size() && at < b.size() && a[at] == b[at]) {
        ++at;
    }
    if (at == a.size()) {
        return b[at].name;
    }
    return at == b.size() ? a[at].name : std::min(a[at].name, b[at].name);
}

} // namespace

void compareXattrs(ContentItem& item, int tree, int image, bool imageXattrs, ContentSink& sink) {
    Entry& entry = *item.entry;
    std::vector<Xattr> inTree;
    std::vector<Xattr> inImage;
    if (entry.inTree && !sideXattrs(tree, item.directory->tree(), item, sink, inTree)) {
        return;
    }
    if (entry.inImage && imageXattrs && !sideXattrs(image, item.directory->image(), item, sink, inImage)) {
        return;
    }
    entry.xattrs = digestXattrs(entry.inImage ? inImage : inTree);
    if (entry.inTree && entry.inImage && inTree != inImage) {
        sink.differs({entry.path, DifferenceKind::xattr, escapePath(firstDifference(inTree, inImage))});
    }
}

} // namespace ksquash
