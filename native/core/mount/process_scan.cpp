// A process that ends meanwhile, or that may not be looked at, is passed over.
#include "process_scan.h"
#include "../base/abi.h"
#include "../loop/loop.h"
#include "../tree/directory.h"

#include <algorithm>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/sysmacros.h>

namespace ksquash {

Result<Subject> lookUpSubject(const std::string& path) {
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

void note(Holder& holder, HeldBy how, std::string& path) {
    if (std::find(holder.how.begin(), holder.how.end(), how) == holder.how.end()) {
        holder.how.push_back(how);
    }
    if (holder.path.empty()) {
        holder.path = std::move(path);
    }
}

namespace {

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
    const unsigned mask = STATX_MNT_ID | STATX_MNT_ID_UNIQUE;
    if (statx(AT_FDCWD, link.c_str(), AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, mask, &raw) != 0) {
        return false;
    }
    bool sameDevice = makedev(raw.stx_dev_major, raw.stx_dev_minor) == subject.device;
    // Before 5.8 no file tells its mount: its device has to do.
    bool sameMount = subject.mountId != 0 ? raw.stx_mnt_id == subject.mountId : sameDevice;
    bool held = subject.wholeDevice ? sameDevice : subject.wholeMount ? sameMount : true;
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
            note(holder, HeldBy::map, path);
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
            note(holder, HeldBy::fd, path);
            holder.writes = holder.writes || isWritable(base + "fdinfo/" + name.name);
        }
    }
}

} // namespace

Holder lookAtProcess(const Subject& subject, int pid) {
    Holder holder;
    holder.pid = pid;
    std::string base = "/proc/" + std::to_string(pid) + "/";
    std::string held;
    for (HeldBy link : {HeldBy::cwd, HeldBy::root, HeldBy::exe}) {
        bool everyRoot = subject.path == "/" && link == HeldBy::root;
        if (!everyRoot && isHeld(subject, base + heldByName(link), held)) {
            note(holder, link, held);
        }
    }
    lookAtFds(subject, base, holder);
    lookAtMaps(subject, base, holder);
    return holder;
}

} // namespace ksquash
