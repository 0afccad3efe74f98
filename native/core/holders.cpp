// One pass over /proc. A process that ends meanwhile, or that may not be looked at, is passed over.
#include "holders.h"
#include "loop.h"
#include "walk.h"

#include <algorithm>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/sysmacros.h>

namespace ksquash {

namespace {

// What counts as "held".
struct Subject {
    bool wholeDevice = false; // a loop device's mount: any file of this device, in whatever namespace
    bool wholeMount = false;
    dev_t device = 0;
    uint64_t mountId = 0;
    std::string path; // resolved, for a plain tree

    bool below(std::string_view other) const {
        if (path == "/") {
            return true;
        }
        return other.starts_with(path) && (other.size() == path.size() || other[path.size()] == '/');
    }
};

Result<Subject> lookUp(const std::string& path) {
    auto stat = statPath(path, true);
    if (!stat) {
        return stat.error();
    }
    char resolved[PATH_MAX];
    if (realpath(path.c_str(), resolved) == nullptr) {
        return lastError("realpath", path);
    }
    Subject out;
    out.wholeDevice = stat->mountRoot && major(stat->key.dev) == loopMajor;
    out.wholeMount = stat->mountRoot && !out.wholeDevice;
    out.device = stat->key.dev;
    out.mountId = stat->mountId;
    out.path = resolved;
    return out;
}

// A link of /proc: is the file it stands for held? stat follows it to the open file, not to a path.
bool isHeld(const Subject& subject, const std::string& link, std::string& target) {
    auto name = readLinkAt(AT_FDCWD, link.c_str(), link);
    // Sockets, pipes and anonymous files ("socket:[1]") cost no stat.
    if (!name || !name->starts_with('/')) {
        return false;
    }
    bool byPath = !subject.wholeDevice && !subject.wholeMount;
    if (byPath && !subject.below(*name)) {
        return false;
    }
    struct statx raw {};
    const unsigned mask = STATX_MNT_ID | 0x4000U; // STATX_MNT_ID_UNIQUE
    if (statx(AT_FDCWD, link.c_str(), AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, mask, &raw) != 0) {
        return false;
    }
    bool sameDevice = makedev(raw.stx_dev_major, raw.stx_dev_minor) == subject.device;
    bool held = subject.wholeDevice  ? sameDevice
                : subject.wholeMount ? raw.stx_mnt_id == subject.mountId
                                     : true;
    if (held) {
        target = *name;
    }
    return held;
}

// /proc/PID/fdinfo/N, "flags:" in octal.
bool isWritable(const std::string& info) {
    auto text = readSmallFile(info);
    if (!text) {
        return false;
    }
    size_t at = text->find("flags:\t");
    if (at == std::string::npos) {
        return false;
    }
    unsigned flags = 0;
    std::from_chars(text->data() + at + 7, text->data() + text->size(), flags, 8);
    return (flags & O_ACCMODE) != O_RDONLY && (flags & O_PATH) == 0;
}

void note(Holder& holder, const char* how, std::string& path) {
    if (std::find(holder.how.begin(), holder.how.end(), how) == holder.how.end()) {
        holder.how.emplace_back(how);
    }
    if (holder.path.empty()) {
        holder.path = std::move(path);
    }
}

// Lines of /proc/PID/maps: "start-end rwxp offset MAJOR:MINOR inode   path"; the device in hexadecimal.
void lookAtMaps(const Subject& subject, const std::string& base, Holder& holder) {
    auto text = readSmallFile(base + "maps");
    if (!text) {
        return;
    }
    std::string_view rest(*text);
    while (!rest.empty()) {
        size_t end = rest.find('\n');
        std::string line(rest.substr(0, end));
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        unsigned deviceMajor = 0;
        unsigned deviceMinor = 0;
        char permissions[5] = {};
        int pathAt = -1;
        int fields = sscanf(line.c_str(), "%*s %4s %*s %x:%x %*s %n", permissions, &deviceMajor, &deviceMinor,
                            &pathAt);
        if (fields < 3 || pathAt < 0 || static_cast<size_t>(pathAt) >= line.size() ||
            line[static_cast<size_t>(pathAt)] != '/') {
            continue;
        }
        std::string path = line.substr(static_cast<size_t>(pathAt));
        bool byPath = !subject.wholeDevice && !subject.wholeMount;
        bool sameDevice = makedev(deviceMajor, deviceMinor) == subject.device;
        if (byPath ? subject.below(path) : sameDevice) {
            holder.writes = holder.writes || (permissions[1] == 'w' && permissions[3] == 's');
            note(holder, "map", path);
        }
    }
}

void lookAtFds(const Subject& subject, const std::string& base, Holder& holder) {
    auto dir = openDirectory(AT_FDCWD, (base + "fd").c_str(), base);
    if (!dir) {
        return;
    }
    auto names = readNames(dir->get(), base);
    if (!names) {
        return;
    }
    std::string path;
    for (const Name& name : *names) {
        if (isHeld(subject, base + "fd/" + name.name, path)) {
            note(holder, "fd", path);
            holder.writes = holder.writes || isWritable(base + "fdinfo/" + name.name);
        }
    }
}

void describe(const std::string& base, Holder& holder) {
    if (auto comm = readSmallFile(base + "comm"); comm && comm->ends_with('\n')) {
        holder.comm = comm->substr(0, comm->size() - 1);
    }
    if (auto stat = statPath(base, false)) {
        holder.uid = stat->uid;
    }
}

} // namespace

Result<std::vector<Holder>> findHolders(const std::string& path) {
    auto subject = lookUp(path);
    if (!subject) {
        return subject.error();
    }
    auto proc = openTop("/proc");
    if (!proc) {
        return proc.error();
    }
    auto names = readNames(proc->get(), "/proc");
    if (!names) {
        return names.error();
    }
    std::vector<Holder> out;
    for (const Name& name : *names) {
        Holder holder;
        const char* end = name.name.data() + name.name.size();
        auto parsed = std::from_chars(name.name.data(), end, holder.pid);
        if (parsed.ec != std::errc{} || parsed.ptr != end) {
            continue;
        }
        std::string base = "/proc/" + name.name + "/";
        std::string held;
        for (const char* link : {"cwd", "root", "exe"}) {
            bool everyRoot = subject->path == "/" && std::string_view(link) == "root";
            if (!everyRoot && isHeld(*subject, base + link, held)) {
                note(holder, link, held);
            }
        }
        lookAtFds(*subject, base, holder);
        lookAtMaps(*subject, base, holder);
        if (!holder.how.empty()) {
            describe(base, holder);
            out.push_back(std::move(holder));
        }
    }
    return out;
}

} // namespace ksquash
