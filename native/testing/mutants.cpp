// Runs in a machine that may crash, as the test of damaged images wants it: mutants CORPUS SCRATCH makes
// each image of the corpus, asks inspectImage, and then mounts and reads the image whatever that said.
// A line of the corpus: a base image's file, the length to cut or extend it to, and OFFSET:HEX… to overwrite.
// A line of the answer, for each: "@", its number, and what we, the mount and the reader said, tabs between.
#include "../core/image/superblock.h"
#include "../core/mount/detached.h"
#include "reading.h"

#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <linux/fs.h>
#include <map>
#include <optional>
#include <sstream>
#include <sys/ioctl.h>
#include <unistd.h>
#include <vector>

namespace ksquash::testing {

namespace {

using Bytes = std::vector<uint8_t>;

Bytes readBase(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(in), {});
}

Bytes mutant(std::istringstream& line, std::map<std::string, Bytes>& bases) {
    std::string base;
    size_t length = 0;
    line >> base >> length;
    if (!bases.contains(base)) {
        bases[base] = readBase(base);
    }
    Bytes image = bases[base];
    std::string edit;
    while (line >> edit) {
        size_t colon = edit.find(':');
        size_t at = std::stoul(edit.substr(0, colon));
        for (size_t i = colon + 1; i + 1 < edit.size() && at < image.size(); i += 2) {
            image[at++] = static_cast<uint8_t>(std::stoul(edit.substr(i, 2), nullptr, 16));
        }
    }
    image.resize(length);
    return image;
}

// The image on a loop device. Attaching one waits for the kernel's grace periods, so the device is kept while
// the length stays, and only its cache is dropped.
class Drive {
  public:
    Drive(int control, std::string path) : control_(control), path_(std::move(path)) {}

    Status put(const Bytes& image) {
        bool same = loop_ && image.size() == size_;
        if (!same) {
            loop_.reset();
            unlink(path_.c_str());
            file_.reset(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
            size_ = image.size();
        }
        if (pwrite(file_.get(), image.data(), image.size(), 0) != static_cast<ssize_t>(image.size())) {
            return lastError("pwrite", path_, "image");
        }
        if (same) {
            return ioctl(loop_->fd.get(), BLKFLSBUF, 0) == 0 ? Status(Done{}) : lastError("ioctl", path_);
        }
        auto loop = attachLoop(control_, file_.get(), path_);
        if (!loop) {
            return loop.error();
        }
        loop_.emplace(std::move(*loop));
        return Done{};
    }
    int file() const { return file_.get(); }
    const std::string& path() const { return path_; }
    const LoopDevice& loop() const { return *loop_; }

  private:
    int control_;
    std::string path_;
    UniqueFd file_;
    size_t size_ = 0;
    std::optional<LoopDevice> loop_;
};

std::string error(const SysError& error) {
    return std::string(error.step) + " " + nameOf(error.code) + " " + error.kernelLog;
}

struct Answer {
    std::string ours;
    std::string mount;
    std::string reading;
};

Answer tryMutant(const Bytes& image, Drive& drive, const MountOptions& options) {
    auto put = drive.put(image);
    Answer out;
    auto info = inspectImage(drive.file(), drive.path());
    out.ours = info ? "" : info.error().reason;
    if (!put) {
        out.mount = error(put.error());
        return out;
    }
    auto mount = createMount(drive.loop(), options, drive.path());
    if (!mount) {
        out.mount = error(mount.error());
        return out;
    }
    Reading reading;
    reading.all(mount->get(), ".", 0);
    out.reading = reading.says();
    return out;
}

int main(const std::string& corpus, const std::string& scratch) {
    UniqueFd control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    auto options = parseOptions("");
    if (!control || !options) {
        perror("/dev/loop-control");
        return 1;
    }
    Drive drive(control.get(), scratch + "/image");
    std::map<std::string, Bytes> bases;
    std::ifstream in(corpus);
    std::string text;
    for (unsigned number = 0; std::getline(in, text); ++number) {
        printf("@%u", number); // what a crash leaves unfinished says where it was
        fflush(stdout);
        std::istringstream line(text);
        Answer answer = tryMutant(mutant(line, bases), drive, *options);
        printf("\t%s\t%s\t%s\n", answer.ours.c_str(), answer.mount.c_str(), answer.reading.c_str());
        fflush(stdout);
    }
    printf("@end\n");
    return 0;
}

} // namespace

} // namespace ksquash::testing

int main(int argc, char** argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: mutants CORPUS SCRATCH\n");
        return 64;
    }
    return ksquash::testing::main(argv[1], argv[2]);
}
