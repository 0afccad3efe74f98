// The bytes of regular files: read from the image and the tree, compared, hashed, by several threads.
// squashfs decompresses one block after another for all who read a mount, and caches three fragments, so
// files go in runs of neighbours, in the order of the image, and only two threads read a mount at once while
// the others read the tree. Where there are several mounts of the image, each unpacks by itself: then a
// thread takes a long unit of work, since the fragment at each end of it is unpacked on both sides.
#pragma once

#include "../base/control.h"
#include "../base/threads.h"
#include "difference.h"
#include "entry.h"

#include <deque>
#include <span>

namespace ksquash {

// A directory open on either side, kept until the last file of it has been read.
class OpenDirectory {
  public:
    OpenDirectory(UniqueFd tree, UniqueFd image) : tree_(std::move(tree)), image_(std::move(image)) {}
    int tree() const { return tree_.get(); }
    int image() const { return image_.get(); }
    void hold() { users_.fetch_add(1); }
    void drop() {
        if (users_.fetch_sub(1) == 1) {
            delete this;
        }
    }

  private:
    ~OpenDirectory() = default;
    UniqueFd tree_;
    UniqueFd image_;
    std::atomic<int> users_{1};
};

struct ContentItem {
    Entry* entry = nullptr;
    OpenDirectory* directory = nullptr; // held
    std::string name;
};
using Run = std::span<ContentItem>;        // held in memory at once
using WorkUnit = std::vector<ContentItem>; // what a thread takes from the queue

// What the readers find, told to whoever walks. Called from any thread.
class ContentSink {
  public:
    virtual void differs(Difference difference) = 0;
    virtual void failed(SysError error) = 0;
    virtual bool stopped() const = 0;
    virtual ~ContentSink() = default;
};

class ContentReaders {
  public:
    // `mounts`: the roots of further mounts of the same image; they must outlive this.
    ContentReaders(unsigned jobs, bool imageXattrs, std::span<const int> mounts, const Control& control,
                   ContentSink& sink);
    ContentReaders(const ContentReaders&) = delete;
    ContentReaders& operator=(const ContentReaders&) = delete;
    ~ContentReaders();
    // Hands a file over; the caller itself reads when the queue is full.
    void add(Entry& entry, OpenDirectory& directory, const std::string& name);
    // Reads what is left, and waits for all.
    void finish();

  private:
    // A mount of the image: through the directory's own descriptor, or by path from its root.
    struct ImageMount {
        explicit ImageMount(int root);
        int root; // -1: the directory's own
        Semaphore readers;
    };

    static void* work(void* self);
    bool several() const { return mounts_.size() > 1; }
    bool takeUnit(WorkUnit& unit, bool wait);
    void pushUnit();
    void readUnit(WorkUnit& unit, ImageMount& mount);
    void readRun(Run run, ImageMount& mount);

    const bool imageXattrs_;
    const Control& control_;
    ContentSink& sink_;
    Mutex mutex_;
    Condition changed_;
    std::deque<WorkUnit> queue_;
    size_t queueLength_ = 0;
    bool closed_ = false;
    std::deque<ImageMount> mounts_; // a semaphore does not move
    std::atomic<size_t> started_{0};
    WorkUnit next_;
    uint64_t nextBytes_ = 0;
    size_t nextDirectories_ = 0;
    WorkerThreads* workers_ = nullptr;
};

} // namespace ksquash
