// The readers. Each run: open the tree's files and ask for read-ahead, read the image's through the gate into
// one buffer, then read the tree's, compare and hash. Large files go alone, in chunks.
#include "content.h"
#include "content_file.h"
#include "walk.h"

#include <algorithm>
#include <fcntl.h>

namespace ksquash {

namespace {

constexpr uint64_t runBytes = uint64_t{2} << 20U;
constexpr size_t runFiles = 64;
// A kernel's file has 17 KB: some 16 MB in a stretch, whose ends cost a fragment of at most 1 MB.
constexpr size_t runsOfStretch = 16;
// They stay open until they are read: no more than the files of a run could have, or descriptors run out.
constexpr size_t directoriesOfStretch = 64;
constexpr size_t queuedRuns = 16;
// Two: one waits for the decompressor while the other copies. More would push fragments out of the cache.
constexpr unsigned readersOfView = 2;

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

ContentReaders::View::View(int from) : root(from), gate(readersOfView) {}

ContentReaders::ContentReaders(unsigned jobs, bool imageXattrs, std::span<const int> views,
                               const Control& control, ContentSink& sink)
    : imageXattrs_(imageXattrs), control_(control), sink_(sink) {
    views_.emplace_back(-1);
    for (int root : views) {
        views_.emplace_back(root);
    }
    // One for each thread that can read, so that none waits while the walker reads itself.
    queueLength_ = several() ? std::clamp<size_t>(jobs, 2, readersOfView * views_.size()) : queuedRuns;
    crew_ = new Crew(jobs > 1 ? jobs - 1 : 0, work, this);
}

ContentReaders::~ContentReaders() {
    finish();
}

void ContentReaders::add(Entry& entry, OpenDirectory& directory, const std::string& name) {
    directory.hold();
    nextDirectories_ += next_.empty() || next_.back().directory != &directory ? 1 : 0;
    next_.push_back(ContentItem{&entry, &directory, name});
    nextBytes_ += entry.listed().size;
    const size_t runs = several() ? runsOfStretch : 1;
    if (nextBytes_ >= runs * runBytes || next_.size() >= runs * runFiles ||
        nextDirectories_ >= directoriesOfStretch) {
        pushStretch();
    }
}

void ContentReaders::pushStretch() {
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
    next_ = Stretch();
    nextBytes_ = 0;
    nextDirectories_ = 0;
    Stretch stretch;
    if (full && takeStretch(stretch, false)) {
        readStretch(stretch, views_.front());
    }
}

bool ContentReaders::takeStretch(Stretch& stretch, bool wait) {
    Locked locked(mutex_);
    while (queue_.empty()) {
        if (!wait || closed_) {
            return false;
        }
        changed_.wait(mutex_);
    }
    stretch = std::move(queue_.front());
    queue_.pop_front();
    return true;
}

void* ContentReaders::work(void* self) {
    auto* readers = static_cast<ContentReaders*>(self);
    // The walker reads through the first one, where its own look-ups are.
    View& view = readers->views_[++readers->started_ % readers->views_.size()];
    Stretch stretch;
    while (readers->takeStretch(stretch, true)) {
        readers->readStretch(stretch, view);
    }
    return nullptr;
}

void ContentReaders::finish() {
    if (crew_ == nullptr) {
        return;
    }
    pushStretch();
    {
        Locked locked(mutex_);
        closed_ = true;
        changed_.wakeAll();
    }
    Stretch stretch;
    while (takeStretch(stretch, true)) {
        readStretch(stretch, views_.front());
    }
    delete crew_; // joins
    crew_ = nullptr;
}

void ContentReaders::readStretch(Stretch& stretch, View& view) {
    for (Run left(stretch); !left.empty();) {
        const size_t count = runLength(left);
        readRun(left.first(count), view);
        left = left.subspan(count);
    }
    stretch.clear();
}

void ContentReaders::readRun(Run run, View& view) {
    std::vector<FilePair> files;
    files.reserve(run.size());
    for (ContentItem& item : run) {
        files.emplace_back(item, imageXattrs_, sink_);
        if (!sink_.stopped()) {
            files.back().openTree();
        }
    }
    view.gate.enter();
    for (FilePair& file : files) {
        if (!sink_.stopped() && !control_.cancelled()) {
            file.readImage(view.root);
        }
    }
    view.gate.leave();
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
