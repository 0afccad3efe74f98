// One pass over /proc, and one look at the mount tables.
#include "holders.h"
#include "../table/mount_copies.h"
#include "../tree/directory.h"
#include "process_scan.h"

#include <charconv>
#include <map>

namespace ksquash {

namespace {

void readNameAndOwner(const std::string& base, Holder& holder) {
    if (auto comm = readSmallFile(base + "comm"); comm && comm->ends_with('\n')) {
        holder.comm = comm->substr(0, comm->size() - 1);
    }
    if (auto stat = statPath(base, false)) {
        holder.uid = stat->uid;
    }
}

// The numbers among the names of /proc.
Result<std::vector<int>> readPids() {
    auto proc = openTop("/proc");
    if (!proc) {
        return proc.error();
    }
    auto names = readNames(proc->get(), "/proc");
    if (!names) {
        return names.error();
    }
    std::vector<int> out;
    for (const Name& name : *names) {
        int pid = 0;
        const char* end = name.name.data() + name.name.size();
        auto parsed = std::from_chars(name.name.data(), end, pid);
        if (parsed.ec == std::errc{} && parsed.ptr == end) {
            out.push_back(pid);
        }
    }
    return out;
}

Holder ofMount(const MountRow& row) {
    Holder holder;
    holder.comm = row.fstype;
    holder.how.push_back(HeldBy::mount);
    holder.path = row.target;
    return holder;
}

} // namespace

const char* heldByName(HeldBy how) {
    static constexpr const char* names[] = {"cwd", "root", "exe", "fd", "map", "mount", "namespace"};
    return names[static_cast<size_t>(how)];
}

Result<std::vector<Holder>> findHolders(const std::string& path) {
    auto subject = lookUpSubject(path);
    if (!subject) {
        return subject.error();
    }
    auto pids = readPids();
    if (!pids) {
        return pids.error();
    }
    auto rows = readMountinfo();
    if (!rows) {
        return rows.error();
    }
    std::vector<Holder> out;
    for (const MountRow* row : mountsBelow(*rows, subject->path)) {
        out.push_back(ofMount(*row));
    }
    std::map<int, std::string> copies;
    for (MountCopy& copy :
         subject->wholeDevice ? findMountCopies(*rows, subject->device, *pids) : std::vector<MountCopy>()) {
        copies.emplace(copy.pid, std::move(copy.target));
    }
    for (int pid : *pids) {
        Holder holder = lookAtProcess(*subject, pid);
        if (auto copy = copies.find(pid); copy != copies.end()) {
            note(holder, HeldBy::mountNamespace, copy->second);
        }
        if (!holder.how.empty()) {
            readNameAndOwner("/proc/" + std::to_string(pid) + "/", holder);
            out.push_back(std::move(holder));
        }
    }
    return out;
}

std::string nameHolders(const std::vector<Holder>& holders) {
    constexpr size_t named = 5;
    std::string out;
    for (size_t i = 0; i < holders.size() && i < named; ++i) {
        const Holder& holder = holders[i];
        out += out.empty() ? "" : ", ";
        out += escapePath(holder.comm);
        if (holder.pid == 0) {
            out += " mounted at " + escapePath(holder.path);
        } else {
            bool copy = holder.how.size() == 1 && holder.how.front() == HeldBy::mountNamespace;
            out +=
                " (pid " + std::to_string(holder.pid) + (copy ? ", whose mount namespace has a copy)" : ")");
        }
    }
    if (holders.size() > named) {
        out += " and " + std::to_string(holders.size() - named) + " more";
    }
    return out;
}

} // namespace ksquash
