// What a disk holds after a power cut: replay BASE LOG COUNT SEED look SHARD OF | … save DIRECTORY INDEX…
//
// A cut point is what came before a flush, whole, and some of the writes behind it: every prefix of the log
// is one, and until there are COUNT, random parts of what lies between two flushes, in pages of 4 KiB and in
// any order, as a disk with a cache may write them. Each is mounted (ext4 replays its journal) and what is
// visible printed: "state ID" with a line for each file, once for each that differs, and "point INDEX ID
// LABEL". With "save" the disks of these points are written to DIRECTORY/INDEX instead, as the cut left them.
#include "machine.h"
#include "points.h"

#include <map>

namespace {

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
