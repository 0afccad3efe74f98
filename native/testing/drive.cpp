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

int openDescriptors() {
    int count = 0;
    for (int fd = 0; fd < 64; ++fd) {
        count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    }
    return count;
}

// Prints a line; the exit status.
int report(JsonWriter& out, int before, bool good) {
    out.number("leaked", openDescriptors() - before);
    out.endObject();
    puts(out.take().c_str());
    return good ? 0 : 1;
}

template <class Verb, class Show> int run(Verb verb, Show show) {
    int before = openDescriptors();
    getppid();
    auto result = verb();
    getppid();
    JsonWriter out;
    out.beginObject();
    if (result) {
        show(out, *result);
    } else {
        writeError(out, result.error());
    }
    return report(out, before, static_cast<bool>(result));
}

int mountOne(const std::string& image, const std::string& target) {
    return run(
        [&] {
            return mountImage({{image}, target, "", std::nullopt}, Control());
        },
        [](JsonWriter& out, const MountResult& result) {
            out.text("device", result.device);
            out.number("mountId", result.mountId);
            out.boolean("already", result.already);
        });
}

int umountOne(const std::string& target) {
    return run(
        [&] { return umountTarget(target, false, std::nullopt, Control()); },
        [](JsonWriter& out, const UmountResult& result) { out.boolean("stillHeld", result.stillHeld); });
}

// One status for each line of standard input.
int status(const std::optional<std::string>& image) {
    std::string target;
    while (std::getline(std::cin, target)) {
        auto found = statTarget(target, image);
        JsonWriter out;
        out.beginObject();
        if (found) {
            out.text("state", stateName(found->state));
            out.text("fstype", found->fstype);
            out.text("device", found->device);
            out.text("mountId", std::to_string(found->mountId));
        } else {
            writeError(out, found.error());
        }
        out.endObject();
        puts(out.take().c_str());
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
        auto mounted = mountImage({{image}, target, "", std::nullopt}, Control());
        long long middle = nowMicros();
        if (!mounted) {
            fprintf(stderr, "%s\n", toJson(mounted.error()).c_str());
            return 1;
        }
        auto gone = umountTarget(target, false, std::nullopt, Control());
        long long end = nowMicros();
        if (!gone || gone->stillHeld) {
            fprintf(stderr, "%s\n", gone ? "its device is still held" : toJson(gone.error()).c_str());
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

void writeError(JsonWriter& out, const SysError& error) {
    out.number("errno", error.code);
    out.text("syscall", error.syscall);
    out.text("step", error.step);
    out.text("reason", error.reason);
    if (error.kind != ErrorKind::none) {
        out.text("kind", kindName(error.kind));
    }
}

std::string toJson(const SysError& error) {
    JsonWriter out;
    out.beginObject();
    writeError(out, error);
    out.endObject();
    return out.take();
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
