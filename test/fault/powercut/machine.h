// What is visible on a disk after a power cut, once ext4 has replayed its journal: see replay.cpp.
#pragma once
#include "points.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <set>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

inline uint64_t hashOf(std::string_view text) {
    return std::hash<std::string_view>()(text);
}

inline std::string contentOf(int at, const char* name, const struct stat& info) {
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
inline void walk(int at, const std::string& path, std::string& out) {
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
