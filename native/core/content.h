// The bytes of regular files: read from the image and the tree, compared, hashed, by several threads.
// squashfs decompresses one block after another and caches three fragments, so files go in runs of
// neighbours, in the order of the image, and only a few threads read the image at once while the others read
// the tree.
#pragma once

#include "control.h"
#include "entry.h"
#include "threads.h"

#include <deque>

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
using Run = std::vector<ContentItem>;

// What the readers find, told to whoever walks. Called from any thread.
class ContentSink {
  public:
    virtual void differs(const Entry& entry, std::string what) = 0;
    virtual void failed(SysError error) = 0;
    virtual bool stopped() const = 0;
    virtual ~ContentSink() = default;
};

class ContentReaders {
  public:
    ContentReaders(unsigned jobs, bool imageXattrs, const Control& control, ContentSink& sink);
    ContentReaders(const ContentReaders&) = delete;
    ContentReaders& operator=(const ContentReaders&) = delete;
    ~ContentReaders();
    // Hands a file over; the caller itself reads when the queue is full.
    void add(Entry& entry, OpenDirectory& directory, const std::string& name);
    // Reads what is left, and waits for all.
    void finish();

  private:
    static void* work(void* self);
    bool takeRun(Run& run, bool wait);
    void pushRun();
    void readRun(Run& run);

    const bool imageXattrs_;
    const Control& control_;
    ContentSink& sink_;
    Mutex mutex_;
    Condition changed_;
    std::deque<Run> queue_;
    bool closed_ = false;
    Gate imageGate_;
    Run next_;
    uint64_t nextBytes_ = 0;
    Crew* crew_ = nullptr;
};

} // namespace ksquash
