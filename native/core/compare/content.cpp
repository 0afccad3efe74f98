// The readers. Each run: open the tree's files and ask for read-ahead, read the image's through the semaphore
// into one buffer, then read the tree's, compare and hash. Large files go alone, in chunks.
#include "content.h"
#include "../tree/directory.h"
#include "file_pair.h"

#include <algorithm>
#include <fcntl.h>

namespace ksquash {

namespace {

constexpr uint64_t runBytes = uint64_t{2} << 20U;
constexpr size_t runFiles = 64;
// A kernel's file has 17 KB: some 16 MB in a unit, whose ends cost a fragment of at most 1 MB.
constexpr size_t runsPerUnit = 16;
// They stay open until they are read: no more than the files of a run could have, or descriptors run out.
constexpr size_t directoriesPerUnit = 64;
constexpr size_t queuedRuns = 16;
// Two: one waits for the decompressor while the other copies. More would push fragments out of the cache.
constexpr unsigned readersPerMount = 2;

// How many items from the first on are held at once: a large file goes alone.
size_t runLength(Run items) {
    uint64_t bytes = 0;
    size_t count = 0;
    while (count < items.size() && count < runFiles && bytes < runBytes) {
        uint64_t size = items[count].entry->listed().size;
        if (count > 0 && (size > largeFile || bytes + size > runBytes + largeFile)) {
            break;
        }
        bytes += size;
        ++count;
    }
    return count;
}

} // namespace

ContentReaders::ImageMount::ImageMount(int from) : root(from), readers(readersPerMount) {}

ContentReaders::ContentReaders(unsigned jobs, bool imageXattrs, std::span<const int> mounts,
                               const Control& control, ContentSink& sink)
    : imageXattrs_(imageXattrs), control_(control), sink_(sink) {
    mounts_.emplace_back(-1);
    for (int root : mounts) {
        mounts_.emplace_back(root);
    }
    // One for each thread that can read, so that none waits while the walker reads itself.
    queueLength_ = several() ? std::clamp<size_t>(jobs, 2, readersPerMount * mounts_.size()) : queuedRuns;
    workers_ = new WorkerThreads(jobs > 1 ? jobs - 1 : 0, work, this);
}

ContentReaders::~ContentReaders() {
    finish();
}

void ContentReaders::add(Entry& entry, OpenDirectory& directory, const std::string& name) {
    directory.hold();
    nextDirectories_ += next_.empty() || next_.back().directory != &directory ? 1 : 0;
    next_.push_back(ContentItem{&entry, &directory, name});
    nextBytes_ += entry.listed().size;
    const size_t runs = several() ? runsPerUnit : 1;
    if (nextBytes_ >= runs * runBytes || next_.size() >= runs * runFiles ||
        nextDirectories_ >= directoriesPerUnit) {
        pushUnit();
    }
}

void ContentReaders::pushUnit() {
    if (next_.empty()) {
        return;
    }
    bool full = false;
    {
        Locked locked(mutex_);
        queue_.push_back(std::move(next_));
        full = queue_.size() > queueLength_;
        changed_.wakeAll();
    }
    next_ = WorkUnit();
    nextBytes_ = 0;
    nextDirectories_ = 0;
    WorkUnit unit;
    if (full && takeUnit(unit, false)) {
        readUnit(unit, mounts_.front());
    }
}

bool ContentReaders::takeUnit(WorkUnit& unit, bool wait) {
    Locked locked(mutex_);
    while (queue_.empty()) {
        if (!wait || closed_) {
            return false;
        }
        changed_.wait(mutex_);
    }
    unit = std::move(queue_.front());
    queue_.pop_front();
    return true;
}

void* ContentReaders::work(void* self) {
    auto* readers = static_cast<ContentReaders*>(self);
    // The walker reads through the first one, where its own look-ups are.
    ImageMount& mount = readers->mounts_[++readers->started_ % readers->mounts_.size()];
    WorkUnit unit;
    while (readers->takeUnit(unit, true)) {
        readers->readUnit(unit, mount);
    }
    return nullptr;
}

void ContentReaders::finish() {
    if (workers_ == nullptr) {
        return;
    }
    pushUnit();
    {
        Locked locked(mutex_);
        closed_ = true;
        changed_.wakeAll();
    }
    WorkUnit unit;
    while (takeUnit(unit, true)) {
        readUnit(unit, mounts_.front());
    }
    delete workers_; // joins
    workers_ = nullptr;
}

void ContentReaders::readUnit(WorkUnit& unit, ImageMount& mount) {
    for (Run left(unit); !left.empty();) {
        const size_t count = runLength(left);
        readRun(left.first(count), mount);
        left = left.subspan(count);
    }
    unit.clear();
}

void ContentReaders::readRun(Run run, ImageMount& mount) {
    std::vector<FilePair> files;
    files.reserve(run.size());
    for (ContentItem& item : run) {
        files.emplace_back(item, imageXattrs_, sink_);
        if (!sink_.stopped()) {
            files.back().openTree();
        }
    }
    mount.readers.acquire();
    for (FilePair& file : files) {
        if (!sink_.stopped() && !control_.cancelled()) {
            file.readImage(mount.root);
        }
    }
    mount.readers.release();
    for (FilePair& file : files) {
        if (control_.cancelled()) {
            sink_.failed(Control::cancelError());
        }
        if (!sink_.stopped()) {
            control_.addBytes(file.finish());
        }
    }
    files.clear();
    for (ContentItem& item : run) {
        item.directory->drop();
    }
}

} // namespace ksquash
