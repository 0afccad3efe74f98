// A disk in user space: disk IMAGE LOG MOUNTPOINT [fuse options]. MOUNTPOINT/disk is IMAGE, for a loop
// device; each write to it and each flush (the loop driver turns a FLUSH into fsync) is appended to LOG in
// the order in which it came. What is written into MOUNTPOINT/control makes it fail: "write 100" answers the
// 100th write from now and all later ones with EIO; so do "read N" and "fsync N"; "off" ends it.
#define FUSE_USE_VERSION 31
#include "record.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fuse.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace {

struct Fault {
    const char* name;
    // Calls that still succeed; -1: all.
    long left = -1;

    bool strikes() {
        if (left > 0)
            left--;
        return left == 0;
    }
};

int image = -1;
int logFile = -1;
Fault reading{"read"};
Fault writing{"write"};
Fault syncing{"fsync"};

bool isDisk(const char* path) {
    return strcmp(path, "/disk") == 0;
}
bool isControl(const char* path) {
    return strcmp(path, "/control") == 0;
}

bool writeAll(int fd, const void* data, size_t size) {
    return write(fd, data, size) == static_cast<ssize_t>(size);
}

// A log with a hole would prove nothing: the disk ends.
void record(uint64_t offset, const void* data, uint64_t size) {
    Record head{offset, size};
    if (writeAll(logFile, &head, sizeof head) && (data == nullptr || writeAll(logFile, data, size)))
        return;
    perror("disk: the log");
    exit(74);
}

int getattr(const char* path, struct stat* out, fuse_file_info*) {
    *out = {};
    bool root = strcmp(path, "/") == 0;
    if (!root && !isDisk(path) && !isControl(path))
        return -ENOENT;
    out->st_mode = root ? S_IFDIR | 0700 : S_IFREG | 0600;
    out->st_nlink = root ? 2 : 1;
    struct stat real {};
    if (isDisk(path) && fstat(image, &real) == 0)
        out->st_size = real.st_size;
    return 0;
}

int openFile(const char* path, fuse_file_info* file) {
    if (!isDisk(path) && !isControl(path))
        return -ENOENT;
    // Without a cache between: what the file system above writes is what the log holds, and a fault is met at
    // once.
    file->direct_io = 1;
    return 0;
}

int truncateFile(const char* path, off_t, fuse_file_info*) {
    return isControl(path) ? 0 : -EPERM;
}

int readFile(const char* path, char* buffer, size_t size, off_t offset, fuse_file_info*) {
    if (!isDisk(path))
        return 0;
    if (reading.strikes())
        return -EIO;
    ssize_t got = pread(image, buffer, size, offset);
    return got < 0 ? -errno : static_cast<int>(got);
}

int control(const std::string& text) {
    for (Fault* fault : {&reading, &writing, &syncing}) {
        if (text.starts_with("off"))
            fault->left = -1;
        if (text.starts_with(std::string(fault->name) + " "))
            fault->left = atol(text.c_str() + strlen(fault->name));
    }
    return static_cast<int>(text.size());
}

int writeFile(const char* path, const char* data, size_t size, off_t offset, fuse_file_info*) {
    if (isControl(path))
        return control(std::string(data, size));
    if (writing.strikes())
        return -EIO;
    if (pwrite(image, data, size, offset) != static_cast<ssize_t>(size))
        return -EIO;
    record(static_cast<uint64_t>(offset), data, size);
    return static_cast<int>(size);
}

int fsyncFile(const char* path, int, fuse_file_info*) {
    if (!isDisk(path))
        return 0;
    if (syncing.strikes())
        return -EIO;
    record(kFlush, nullptr, 0);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 4) {
        fprintf(stderr, "disk IMAGE LOG MOUNTPOINT [-o OPTIONS]\n");
        return 64;
    }
    image = open(argv[1], O_RDWR | O_CLOEXEC);
    logFile = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (image < 0 || logFile < 0) {
        perror("disk");
        return 66;
    }
    fuse_operations operations{};
    operations.getattr = getattr;
    operations.open = openFile;
    operations.truncate = truncateFile;
    operations.read = readFile;
    operations.write = writeFile;
    operations.fsync = fsyncFile;
    // One thread: one order. -f: the test ends it by its pid.
    argv[1] = const_cast<char*>("-s");
    argv[2] = const_cast<char*>("-f");
    return fuse_main(argc, argv, &operations, nullptr);
}
