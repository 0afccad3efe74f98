// What the add-on is measured against, each printing its microseconds, one line a cycle:
//
//   peers bare IMAGE TARGET COUNT       loop device and mount with no check and no lock: the limit
//   peers read IMAGE TARGET COUNT       the same, and the first entry read through the mount
//   peers steps IMAGE TARGET COUNT      SET_FD, SET_STATUS64, mount(2), umount2, CLR_FD: node-loopdev's
//   peers bare-many IMAGE DIRECTORY N   bare on N targets, one line for all, then unmounted
//   peers spawn IMAGE TARGET COUNT      mount(8) and umount(8) by posix_spawn(3)
//   peers spawn-many IMAGE DIRECTORY N  N mount(8) at once, one line for all, then unmounted
//   peers run COUNT PROGRAM ARGUMENT…   any program by posix_spawn(3), its output thrown away
//   peers run-each N PROGRAM ARGUMENT…  N times, one line for all; % is 0, 1, 2 … in the arguments
#include "../native/core/base/abi.h"
#include "../native/core/base/sys.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <spawn.h>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <vector>

namespace abi = ksquash::abi;
using ksquash::nowMicros;
using ksquash::UniqueFd;

namespace {

[[noreturn]] void fail(const char* what) {
    perror(what);
    exit(1);
}

void mountBare(const char* image, const char* target) {
    UniqueFd file(open(image, O_RDONLY | O_CLOEXEC));
    UniqueFd control(open("/dev/loop-control", O_RDONLY | O_CLOEXEC));
    struct loop_config config {};
    config.fd = static_cast<__u32>(file.get());
    config.block_size = 4096; // as ours: with 512 the kernel takes longer over the mount
    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    std::string device;
    UniqueFd loop;
    do { // another program on this machine may be quicker
        device = "/dev/loop" + std::to_string(ioctl(control.get(), LOOP_CTL_GET_FREE));
        loop.reset(open(device.c_str(), O_RDONLY | O_CLOEXEC));
    } while (ioctl(loop.get(), LOOP_CONFIGURE, &config) != 0 && errno == EBUSY);
    UniqueFd context(abi::fsopen("squashfs", FSOPEN_CLOEXEC));
    abi::fsconfig(context.get(), FSCONFIG_SET_STRING, "source", device.c_str(), 0);
    abi::fsconfig(context.get(), FSCONFIG_SET_FLAG, "ro", nullptr, 0);
    abi::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
    UniqueFd mount(abi::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY));
    if (abi::moveMount(mount.get(), "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) != 0) {
        fail("move_mount");
    }
}

// What it cannot do without: the device stays open until it is cleared by name.
UniqueFd mountInSteps(const char* image, const char* target) {
    UniqueFd file(open(image, O_RDONLY | O_CLOEXEC));
    UniqueFd control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    std::string device = "/dev/loop" + std::to_string(ioctl(control.get(), LOOP_CTL_GET_FREE));
    UniqueFd loop(open(device.c_str(), O_RDONLY | O_CLOEXEC));
    struct loop_info64 info {};
    info.lo_flags = LO_FLAGS_READ_ONLY;
    if (ioctl(loop.get(), LOOP_SET_FD, file.get()) != 0 || ioctl(loop.get(), LOOP_SET_STATUS64, &info) != 0) {
        fail("LOOP_SET_FD, LOOP_SET_STATUS64");
    }
    if (abi::mount(device.c_str(), target, "squashfs", MS_RDONLY, nullptr) != 0) {
        fail("mount");
    }
    return loop;
}

void umountBare(const char* target) {
    if (abi::umount2(target, 0) != 0) {
        fail("umount2");
    }
}

pid_t start(std::vector<std::string> command) {
    std::vector<char*> arguments;
    for (std::string& word : command) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t pid = 0;
    if (posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ) != 0) {
        fail("posix_spawnp");
    }
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

void finish(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    if (status != 0) {
        fprintf(stderr, "a program failed\n");
        exit(1);
    }
}

void runEach(int count, const std::vector<std::string>& words) {
    long long begin = nowMicros();
    for (int i = 0; i < count; ++i) {
        std::vector<std::string> command = words;
        for (std::string& word : command) {
            if (size_t at = word.find('%'); at != std::string::npos) {
                word.replace(at, 1, std::to_string(i));
            }
        }
        finish(start(std::move(command)));
    }
    printf("%lld\n", nowMicros() - begin);
}

std::vector<std::string> mountCommand(const char* image, const std::string& target) {
    return {"mount", "-t", "squashfs", "-o", "loop,ro", image, target};
}

// What the kernel has read of an image it must forget at the unmount: a mount that was used costs more there.
void readFirst(const char* target) {
    DIR* directory = opendir(target);
    struct dirent* entry = nullptr;
    do {
        entry = readdir(directory);
    } while (entry != nullptr && entry->d_name[0] == '.');
    struct stat stat {};
    if (entry == nullptr || fstatat(dirfd(directory), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0) {
        fail("the first entry");
    }
    closedir(directory);
}

void cycle(std::string_view way, const char* image, const char* target, int count) {
    for (int i = 0; i < count; ++i) {
        UniqueFd loop;
        long long begin = nowMicros();
        if (way == "spawn") {
            finish(start(mountCommand(image, target)));
        } else if (way == "steps") {
            loop = mountInSteps(image, target);
        } else {
            mountBare(image, target);
        }
        if (way == "read") {
            readFirst(target);
        }
        long long middle = nowMicros();
        if (way == "spawn") {
            finish(start({"umount", target}));
        } else {
            umountBare(target);
        }
        if (loop) {
            ioctl(loop.get(), LOOP_CLR_FD, 0);
            loop.reset();
        }
        printf("%lld %lld\n", middle - begin, nowMicros() - middle);
    }
}

void many(bool spawn, const char* image, const char* directory, int count) {
    long long begin = nowMicros();
    std::vector<pid_t> pids;
    for (int i = 0; i < count; ++i) {
        std::string target = std::string(directory) + "/" + std::to_string(i);
        if (spawn) {
            pids.push_back(start(mountCommand(image, target)));
        } else {
            mountBare(image, target.c_str());
        }
    }
    for (pid_t pid : pids) {
        finish(pid);
    }
    printf("%lld\n", nowMicros() - begin);
    for (int i = 0; i < count; ++i) {
        umountBare((std::string(directory) + "/" + std::to_string(i)).c_str());
    }
}

} // namespace

int main(int argc, char** argv) {
    std::string_view what = argc > 1 ? argv[1] : "";
    if (what.ends_with("-many") && argc == 5) {
        many(what == "spawn-many", argv[2], argv[3], atoi(argv[4]));
    } else if (what == "run" && argc > 3) {
        for (int i = 0; i < atoi(argv[2]); ++i) {
            long long begin = nowMicros();
            finish(start({argv + 3, argv + argc}));
            printf("%lld\n", nowMicros() - begin);
        }
    } else if (what == "run-each" && argc > 3) {
        runEach(atoi(argv[2]), {argv + 3, argv + argc});
    } else if (argc == 5) {
        cycle(what, argv[2], argv[3], atoi(argv[4]));
    } else {
        fprintf(stderr, "see the head of peers.cpp\n");
        return 64;
    }
    return 0;
}
