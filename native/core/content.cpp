// The readers. Each run: open the tree's files and ask for read-ahead, read the image's through the gate into
// one buffer, then read the tree's, compare and hash. Large files go alone, in chunks.
#include "content.h"
#include "content_file.h"
#include "walk.h"

#include <fcntl.h>

namespace ksquash {

namespace {

constexpr uint64_t runBytes = uint64_t{2} << 20U;
constexpr size_t runFiles = 64;
constexpr size_t queueLength = 16;
// Two: one waits for the decompressor while the other copies. More would push fragments out of the cache.
constexpr unsigned imageReaders = 2;

} // namespace

ContentReaders::ContentReaders(unsigned jobs, bool imageXattrs, const Control& control, ContentSink& sink)
    : imageXattrs_(imageXattrs), control_(control), sink_(sink), imageGate_(imageReaders) {
    crew_ = new Crew(jobs > 1 ? jobs - 1 : 0, work, this);
}

ContentReaders::~ContentReaders() {
    finish();
}

void ContentReaders::add(Entry& entry, OpenDirectory& directory, const std::string& name) {
    uint64_t size = entry.listed().size;
    if (size > largeFile || nextBytes_ + size > runBytes + largeFile) {
        pushRun();
    }
    directory.hold();
    next_.push_back(ContentItem{&entry, &directory, name});
    nextBytes_ += size;
    if (nextBytes_ >= runBytes || next_.size() >= runFiles) {
        pushRun();
    }
}

void ContentReaders::pushRun() {
    if (next_.empty()) {
        return;
    }
    bool full = false;
    {
        Locked locked(mutex_);
        queue_.push_back(std::move(next_));
        full = queue_.size() > queueLength;
        changed_.wakeAll();
    }
    next_ = Run();
    nextBytes_ = 0;
    Run run;
    if (full && takeRun(run, false)) {
        readRun(run);
    }
}

bool ContentReaders::takeRun(Run& run, bool wait) {
    Locked locked(mutex_);
    while (queue_.empty()) {
        if (!wait || closed_) {
            return false;
        }
        changed_.wait(mutex_);
    }
    run = std::move(queue_.front());
    queue_.pop_front();
    return true;
}

void* ContentReaders::work(void* self) {
    auto* readers = static_cast<ContentReaders*>(self);
    Run run;
    while (readers->takeRun(run, true)) {
        readers->readRun(run);
    }
    return nullptr;
}

void ContentReaders::finish() {
    if (crew_ == nullptr) {
        return;
    }
    pushRun();
    {
        Locked locked(mutex_);
        closed_ = true;
        changed_.wakeAll();
    }
    work(this);
    delete crew_; // joins
    crew_ = nullptr;
}

void ContentReaders::readRun(Run& run) {
    std::vector<FilePair> files;
    files.reserve(run.size());
    for (ContentItem& item : run) {
        files.emplace_back(item, imageXattrs_, sink_);
        if (!sink_.stopped()) {
            files.back().openTree();
        }
    }
    imageGate_.enter();
    for (FilePair& file : files) {
        if (!sink_.stopped() && !control_.cancelled()) {
            file.readImage();
        }
    }
    imageGate_.leave();
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
    run.clear();
}

} // namespace ksquash
