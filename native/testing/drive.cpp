// The mount verbs in a process of one thread without Node, for tests that fail or kill it at each system call
// and for benchmarks: drive mount IMAGE TARGET | umount TARGET | status [IMAGE] | cycle IMAGE TARGET COUNT |
// churn IMAGE TARGET SECONDS | rival FILE SECONDS | many DIRECTORY COUNT | looks IMAGE TARGET COUNT. A verb
// stands between two getppid(2): the test's marks in the trace.
#include "drive.h"
#include "../core/base/abi.h"
#include "../core/mount/mount.h"
#include "../core/mount/mount_status.h"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <sys/stat.h>
#include <unistd.h>

namespace ksquash::testing {

namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        out += c == '"' || c == '\\' ? "\\" : "";
        out += c;
    }
    return out + "\"";
}

int openDescriptors() {
    int count = 0;
    for (int fd = 0; fd < 64; ++fd) {
        count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    }
    return count;
}

int report(const std::string& json, int before, bool good) {
    printf("{%s,\"leaked\":%d}\n", json.c_str(), openDescriptors() - before);
    return good ? 0 : 1;
}

template <class Verb, class Show> int run(Verb verb, Show show) {
    int before = openDescriptors();
    getppid();
    auto result = verb();
    getppid();
    return result ? report(show(*result), before, true) : report(toJson(result.error()), before, false);
}

int mountOne(const std::string& image, const std::string& target) {
    return run(
        [&] {
            return mountImage({image, target, "", std::nullopt}, Control());
        },
        [](const MountResult& result) {
            return "\"device\":" + quoted(result.device) + ",\"mountId\":" + std::to_string(result.mountId) +
                   ",\"already\":" + (result.already ? "true" : "false");
        });
}

int umountOne(const std::string& target) {
    return run([&] { return umountTarget(target, false, std::nullopt, Control()); },
               [](const UmountResult& result) {
                   return std::string("\"stillHeld\":") + (result.stillHeld ? "true" : "false");
               });
}

// One status for each line of standard input.
int status(const std::optional<std::string>& image) {
    std::string target;
    while (std::getline(std::cin, target)) {
        auto found = statTarget(target, image);
        if (found) {
            printf("{\"state\":%s,\"fstype\":%s,\"device\":%s,\"mountId\":%s}\n",
                   quoted(stateName(found->state)).c_str(), quoted(found->fstype).c_str(),
                   quoted(found->device).c_str(), quoted(std::to_string(found->mountId)).c_str());
        } else {
            printf("{%s}\n", toJson(found.error()).c_str());
        }
    }
    return 0;
}

// Looks at a target so often, and prints the microseconds of each.
int look(const std::string& image, const std::string& target, int count) {
    for (int i = 0; i < count; ++i) {
        long long start = nowMicros();
        auto found = statTarget(target, image);
        printf("%lld\n", nowMicros() - start);
        if (!found || found->state != TargetState::mounted) {
            return 1;
        }
    }
    return 0;
}

// Mounts and unmounts so often, and prints the microseconds of each pair.
int cycle(const std::string& image, const std::string& target, int count) {
    for (int i = 0; i < count; ++i) {
        long long start = nowMicros();
        auto mounted = mountImage({image, target, "", std::nullopt}, Control());
        long long middle = nowMicros();
        if (!mounted) {
            fprintf(stderr, "{%s}\n", toJson(mounted.error()).c_str());
            return 1;
        }
        auto gone = umountTarget(target, false, std::nullopt, Control());
        long long end = nowMicros();
        if (!gone || gone->stillHeld) {
            fprintf(stderr, "{%s}\n", gone ? "\"stillHeld\":true" : toJson(gone.error()).c_str());
            return 1;
        }
        printf("%lld %lld\n", middle - start, end - middle);
    }
    return 0;
}

// A tmpfs on the directory, and in it so many directories, on each of which the first is mounted again.
int many(const std::string& top, int count) {
    constexpr unsigned long bind = 4096; // MS_BIND
    if (abi::mount("none", top.c_str(), "tmpfs", 0, nullptr) != 0) {
        perror("mount");
        return 1;
    }
    for (int i = 0; i < count; ++i) {
        std::string place = top + "/" + std::to_string(i);
        if (mkdir(place.c_str(), 0755) != 0 ||
            abi::mount((top + "/0").c_str(), place.c_str(), nullptr, bind, nullptr) != 0) {
            perror(place.c_str());
            return 1;
        }
    }
    return 0;
}

} // namespace

std::string toJson(const SysError& error) {
    return "\"errno\":" + std::to_string(error.code) + ",\"syscall\":" + quoted(error.syscall) +
           ",\"step\":" + quoted(error.step) + ",\"reason\":" + quoted(error.reason);
}

int main(int argc, char** argv) {
    std::string_view verb = argc > 1 ? argv[1] : "";
    if (verb == "mount" && argc == 4) {
        return mountOne(argv[2], argv[3]);
    }
    if (verb == "umount" && argc == 3) {
        return umountOne(argv[2]);
    }
    if (verb == "status" && argc <= 3) {
        return status(argc == 3 ? std::optional<std::string>(argv[2]) : std::nullopt);
    }
    if (verb == "cycle" && argc == 5) {
        return cycle(argv[2], argv[3], atoi(argv[4]));
    }
    if (verb == "looks" && argc == 5) {
        return look(argv[2], argv[3], atoi(argv[4]));
    }
    if (verb == "churn" && argc == 5) {
        return churn(argv[2], argv[3], atoi(argv[4]));
    }
    if (verb == "many" && argc == 4) {
        return many(argv[2], atoi(argv[3]));
    }
    if (verb == "rival" && argc == 4) {
        return rival(argv[2], atoi(argv[3]));
    }
    fprintf(stderr, "see the head of drive.cpp\n");
    return 64;
}

} // namespace ksquash::testing

int main(int argc, char** argv) {
    return ksquash::testing::main(argc, argv);
}
