// What a disk holds after a power cut: replay BASE LOG COUNT SEED look SHARD OF | … save DIRECTORY INDEX…
//
// A cut point is what came before a flush, whole, and some of the writes behind it: every prefix of the log
// is one, and until there are COUNT, random parts of what lies between two flushes, in pages of 4 KiB and in
// any order, as a disk with a cache may write them. Each is mounted (ext4 replays its journal) and what is
// visible printed: "state ID" with a line for each file, once for each that differs, and "point INDEX ID
// LABEL". With "save" the disks of these points are written to DIRECTORY/INDEX instead, as the cut left them.
#include "record.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <functional>
#include <linux/loop.h>
#include <map>
#include <random>
#include <sched.h>
#include <set>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr size_t kPage = 4096;

[[noreturn]] void fail(const std::string& what) {
    fprintf(stderr, "replay: %s: %s\n", what.c_str(), strerror(errno));
    exit(70);
}

std::string readAll(const char* path) {
    FILE* file = fopen(path, "re");
    if (file == nullptr)
        fail(path);
    std::string out;
    char buffer[1 << 16];
    for (size_t got = 0; (got = fread(buffer, 1, sizeof buffer, file)) > 0;)
        out.append(buffer, got);
    fclose(file);
    return out;
}

struct Write {
    uint64_t offset;
    std::string_view data;
};

using Epoch = std::vector<Write>;

// Between two flushes each; the last epoch is what no flush followed.
std::vector<Epoch> epochsOf(std::string_view log) {
    std::vector<Epoch> out(1);
    while (log.size() >= sizeof(Record)) {
        Record head{};
        memcpy(&head, log.data(), sizeof head);
        log.remove_prefix(sizeof head);
        if (head.offset == kFlush) {
            out.emplace_back();
            continue;
        }
        if (log.size() < head.size)
            break;
        out.back().push_back({head.offset, log.substr(0, head.size)});
        log.remove_prefix(head.size);
    }
    return out;
}

void apply(std::string& disk, const Write& write) {
    memcpy(disk.data() + write.offset, write.data.data(), write.data.size());
}

Epoch pagesOf(const Epoch& epoch) {
    Epoch out;
    for (const Write& write : epoch) {
        for (size_t at = 0; at < write.data.size(); at += kPage) {
            out.push_back({write.offset + at, write.data.substr(at, kPage)});
        }
    }
    return out;
}

// A point is made only where `wanted` says so, in a disk that is used again: a copy of 20 MiB costs more than
// its mount.
struct Visitor {
    std::function<bool(size_t index)> wanted;
    std::function<void(const std::string& disk, size_t index, const std::string& label)> visit;
};

// Some pages of an epoch, in an order of their own; two writes to one page keep theirs or not, as it falls.
void applySome(std::string& disk, Epoch pages, uint64_t seed) {
    std::mt19937_64 random(seed);
    std::shuffle(pages.begin(), pages.end(), random);
    pages.resize(random() % (pages.size() + 1));
    for (const Write& page : pages)
        apply(disk, page);
}

void copyPages(std::string& to, const std::string& from, const Epoch& pages) {
    for (const Write& page : pages)
        memcpy(to.data() + page.offset, from.data() + page.offset, page.data.size());
}

void eachPoint(std::string disk, const std::vector<Epoch>& epochs, size_t count, uint64_t seed,
               const Visitor& visitor) {
    std::string part = disk;
    size_t index = 0;
    auto point = [&](const std::string& state, const std::string& label) {
        if (visitor.wanted(index))
            visitor.visit(state, index, label);
        index++;
    };
    size_t writes = 0;
    for (const Epoch& epoch : epochs)
        writes += epoch.size();
    // What the prefixes leave of COUNT is shared out by the writes that an epoch has.
    size_t shares = count > writes ? count - writes : 0;
    size_t done = 0;
    point(disk, "nothing");
    for (size_t i = 0; i < epochs.size(); i++) {
        Epoch pages = pagesOf(epochs[i]);
        size_t from = writes == 0 ? 0 : shares * done / writes;
        done += epochs[i].size();
        size_t to = writes == 0 ? 0 : shares * done / writes;
        // `part` is what the flush left, and is that again after each.
        for (size_t k = from; k < to; k++) {
            if (visitor.wanted(index))
                applySome(part, pages, seed * 1000003 + k);
            point(part, "flush " + std::to_string(i) + " and part " + std::to_string(k));
            copyPages(part, disk, pages);
        }
        for (size_t j = 0; j < epochs[i].size(); j++) {
            apply(disk, epochs[i][j]);
            point(disk, "flush " + std::to_string(i) + " and " + std::to_string(j + 1) + " writes");
        }
        copyPages(part, disk, pages);
    }
}

uint64_t hashOf(std::string_view text) {
    return std::hash<std::string_view>()(text);
}

std::string contentOf(int at, const char* name, const struct stat& info) {
    char buffer[1 << 16];
    if (S_ISLNK(info.st_mode)) {
        ssize_t size = readlinkat(at, name, buffer, sizeof buffer);
        return size < 0 ? "unreadable" : std::string(buffer, static_cast<size_t>(size));
    }
    int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return "unreadable";
    uint64_t hash = 0;
    ssize_t got = 0;
    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
        hash = hash * 1099511628211ULL + hashOf({buffer, static_cast<size_t>(got)});
    }
    close(fd);
    return got < 0 ? "unreadable" : std::to_string(hash);
}

// PATH TAB TYPE MODE SIZE MTIME CONTENT, a line each; names with a tab or a newline are not for this.
void walk(int at, const std::string& path, std::string& out) {
    DIR* directory = fdopendir(at);
    if (directory == nullptr)
        fail(path);
    std::set<std::string> names;
    while (dirent* entry = readdir(directory))
        names.insert(entry->d_name);
    for (const std::string& name : names) {
        if (name == "." || name == ".." || (path.empty() && name == "lost+found"))
            continue;
        std::string below = path.empty() ? name : path + "/" + name;
        struct stat info {};
        if (fstatat(dirfd(directory), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
            out += below + "\tunreadable\n";
            continue;
        }
        bool isDirectory = S_ISDIR(info.st_mode);
        bool hasContent = S_ISREG(info.st_mode) || S_ISLNK(info.st_mode);
        char row[80];
        snprintf(row, sizeof row, "\t%o %lld %lld ", info.st_mode,
                 isDirectory ? 0LL : static_cast<long long>(info.st_size),
                 static_cast<long long>(info.st_mtime));
        out += below + row + (hasContent ? contentOf(dirfd(directory), name.c_str(), info) : "-") + "\n";
        if (!isDirectory)
            continue;
        int child = openat(dirfd(directory), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child >= 0)
            walk(child, below, out);
    }
    closedir(directory);
}

// A disk in memory, for a loop device that goes with its last user: nothing is left when this program is
// killed.
class Machine {
  public:
    explicit Machine(size_t size) : size_(size), file_(memfd_create("disk", MFD_CLOEXEC)) {
        if (file_ < 0 || ftruncate(file_, static_cast<off_t>(size)) != 0)
            fail("memfd");
        void* map = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
        if (map == MAP_FAILED)
            fail("mmap");
        memory_ = static_cast<char*>(map);
        if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            fail("unshare");
        if (mkdtemp(place_) == nullptr)
            fail(place_);
    }
    ~Machine() { rmdir(place_); }
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    std::string visible(const std::string& disk) {
        for (size_t at = 0; at < size_; at += kPage) {
            size_t length = std::min(kPage, size_ - at);
            if (memcmp(memory_ + at, disk.data() + at, length) != 0)
                memcpy(memory_ + at, disk.data() + at, length);
        }
        std::string device;
        int loop = attach(device);
        // Read-only for the walk; the journal is replayed all the same, because the device can be written.
        int failed = mount(device.c_str(), place_, "ext4", MS_RDONLY, nullptr) == 0 ? 0 : errno;
        close(loop);
        if (failed != 0)
            return std::string("unmountable\t") + strerror(failed) + "\n";
        std::string out;
        walk(open(place_, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "", out);
        if (umount(place_) != 0)
            fail("umount");
        return out;
    }

  private:
    int attach(std::string& device) const {
        int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
        for (int i = 0; i < 1000; i++) {
            device = "/dev/loop" + std::to_string(ioctl(control, LOOP_CTL_GET_FREE));
            int fd = open(device.c_str(), O_RDWR | O_CLOEXEC);
            loop_config config{};
            config.fd = static_cast<uint32_t>(file_);
            config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
            if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
                close(control);
                return fd;
            }
            // Another process was quicker.
            if (fd >= 0)
                close(fd);
            usleep(1000);
        }
        fail("LOOP_CONFIGURE");
    }

    size_t size_;
    int file_;
    char* memory_ = nullptr;
    char place_[32] = "/tmp/ksquash-replay-XXXXXX";
};

void save(const std::string& path, const std::string& disk) {
    FILE* file = fopen(path.c_str(), "we");
    if (file == nullptr)
        fail(path);
    static const char zeros[kPage] = {};
    for (size_t at = 0; at < disk.size(); at += kPage) {
        size_t length = std::min(kPage, disk.size() - at);
        if (memcmp(disk.data() + at, zeros, length) == 0)
            continue;
        if (fseek(file, static_cast<long>(at), SEEK_SET) != 0 ||
            fwrite(disk.data() + at, 1, length, file) != length)
            fail(path);
    }
    if (fclose(file) != 0 || truncate(path.c_str(), static_cast<off_t>(disk.size())) != 0)
        fail(path);
}

} // namespace

int main(int argc, char** argv) {
    std::string verb = argc > 7 ? argv[5] : "";
    if (verb != "save" && verb != "look") {
        fprintf(stderr, "replay BASE LOG COUNT SEED look SHARD OF | save DIRECTORY INDEX...\n");
        return 64;
    }
    std::string base = readAll(argv[1]);
    std::string log = readAll(argv[2]);
    std::vector<Epoch> epochs = epochsOf(log);
    size_t count = strtoul(argv[3], nullptr, 10);
    uint64_t seed = strtoull(argv[4], nullptr, 10);
    if (verb == "save") {
        std::set<size_t> wanted;
        for (int i = 7; i < argc; i++)
            wanted.insert(strtoul(argv[i], nullptr, 10));
        eachPoint(base, epochs, count, seed,
                  {[&](size_t index) { return wanted.contains(index); },
                   [&](const std::string& disk, size_t index, const std::string&) {
                       save(std::string(argv[6]) + "/" + std::to_string(index), disk);
                   }});
        return 0;
    }
    Machine machine(base.size());
    size_t shard = strtoul(argv[6], nullptr, 10);
    size_t of = strtoul(argv[7], nullptr, 10);
    std::map<std::string, size_t> states;
    eachPoint(base, epochs, count, seed,
              {[&](size_t index) { return index % of == shard; },
               [&](const std::string& disk, size_t index, const std::string& label) {
                   std::string seen = machine.visible(disk);
                   auto [state, isNew] = states.try_emplace(seen, states.size());
                   if (isNew)
                       printf("state %zu\n%s\n", state->second, seen.c_str());
                   printf("point %zu %zu %s\n", index, state->second, label.c_str());
               }});
    return 0;
}
