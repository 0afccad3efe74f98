// libFuzzer: an image's superblock and tables, as inspectImage reads them from a file. Seeds: small real
// images of every compressor (scripts/fuzz.sh). Nothing here reaches the kernel's squashfs.
#include "../core/image/superblock.h"

#include <cstddef>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

using namespace ksquash;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static int fd = memfd_create("image", MFD_CLOEXEC);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != static_cast<ssize_t>(size)) {
        abort();
    }
    auto info = inspectImage(fd, "image");
    if (!info) {
        // A refusal says why, in kind and in words, and is never an error of reading a file that can be read.
        if (info.error().reason.empty() || info.error().kind == ErrorKind::none ||
            info.error().code != EINVAL) {
            abort();
        }
        return 0;
    }
    if (info->erofs) {
        if (info->erofs->bytes() > size || info->erofs->inodes == 0) {
            abort();
        }
        return 0;
    }
    const Superblock& sb = info->superblock;
    if (sb.bytesUsed > size || sb.inodeTable >= sb.directoryTable || sb.directoryTable >= sb.idTable) {
        abort();
    }
    return 0;
}
