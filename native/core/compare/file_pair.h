// One regular file on its way through the readers: opened, read from the image, read from the tree, judged.
// Owns the bytes and the verdict on them; the order and the threads are content's.
#pragma once

#include "content.h"

#include <memory>

namespace ksquash {

// Beyond this a file is compared in chunks instead of being held.
constexpr uint64_t largeFile = uint64_t{4} << 20U;

class FilePair {
  public:
    FilePair(ContentItem& item, bool imageXattrs, ContentSink& sink)
        : item_(item), imageXattrs_(imageXattrs), sink_(sink) {}
    // Opens the tree's file and asks for its bytes ahead.
    void openTree();
    // Opens the image's file and, unless it is large, reads it. `root`: of another mount of the image; -1:
    // the one that its directory is of.
    void readImage(int root);
    // Reads the tree's, compares and hashes. The bytes of the file, for progress.
    uint64_t finish();

  private:
    Result<UniqueFd> openImage(int root) const;
    bool readWhole(int fd, uint64_t size, std::unique_ptr<uint8_t[]>& to);
    // Content equal? Hashes the listed side meanwhile.
    bool compareHeld(Sha256& hash);
    bool compareChunks(Sha256& hash);
    // The tree's file is what the walk saw, from the first byte to the last.
    bool unchanged();

    ContentItem& item_;
    bool imageXattrs_;
    ContentSink& sink_;
    UniqueFd tree_;
    UniqueFd image_;
    std::unique_ptr<uint8_t[]> held_;
    bool failed_ = false;
};

// Compares and notes the xattrs of both sides; -1 for a descriptor means "by name below the directory".
void compareXattrs(ContentItem& item, int tree, int image, bool imageXattrs, ContentSink& sink);

} // namespace ksquash
