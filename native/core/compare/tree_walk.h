// The walk over a tree, an image or both at once: depth first, each directory in the order of the image's
// inode numbers, which is the order in which mksquashfs wrote the files. One thread walks and judges what
// statx tells; content's readers do the rest.
#pragma once

#include "compare.h"
#include "content.h"
#include "entry_diff.h"

namespace ksquash {

class TreeWalk final : public ContentSink {
  public:
    // `mounts`: the roots of further mounts of the image; they must outlive this.
    TreeWalk(const TreeRequest& request, bool imageXattrs, std::span<const int> mounts,
             const Control& control)
        : request_(request), control_(control), imageXattrs_(imageXattrs),
          readers_(jobs(request), imageXattrs, mounts, control, *this) {}

    // How many threads read.
    static unsigned jobs(const TreeRequest& request);

    // Either descriptor may be absent: then the other side is listed.
    Status run(UniqueFd tree, UniqueFd image);
    std::deque<Entry>& entries() { return entries_; }
    std::vector<Difference> takeDifferences();

    void differs(Difference difference) override {
        Locked locked(mutex_);
        differences_.push_back(std::move(difference));
    }
    void failed(SysError error) override {
        Locked locked(mutex_);
        if (!stopped_.exchange(true)) {
            error_ = std::move(error);
        }
    }
    bool stopped() const override { return stopped_.load(std::memory_order_relaxed); }

  private:
    struct Frame {
        OpenDirectory* directory;
        std::vector<PairedName> names;
        size_t next;
        std::string path;
        bool reported; // a parent is missing in the tree, and that has been said
    };

    bool lookAtTop(Entry& top, int tree, int image);
    bool push(UniqueFd tree, UniqueFd image, Entry& entry, bool reported);
    void visit(size_t frame, const PairedName& name);
    bool look(const Frame& frame, const PairedName& name, Entry& entry);
    void descend(size_t frame, const PairedName& name, Entry& entry, bool reported);

    const TreeRequest& request_;
    const Control& control_;
    const bool imageXattrs_;
    bool twoSided_ = false;
    dev_t treeDevice_ = 0;
    std::deque<Entry> entries_; // stable addresses: the readers hold them
    std::vector<Frame> frames_;
    Mutex mutex_;
    std::vector<Difference> differences_;
    SysError error_;
    std::atomic<bool> stopped_{false};
    ContentReaders readers_; // last: its threads end before the rest goes
};

} // namespace ksquash
