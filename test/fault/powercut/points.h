// The cut points of a log: see replay.cpp.
#pragma once
#include "record.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

constexpr size_t kPage = 4096;

[[noreturn]] inline void fail(const std::string& what) {
    fprintf(stderr, "replay: %s: %s\n", what.c_str(), strerror(errno));
    exit(70);
}

struct Write {
    uint64_t offset;
    std::string_view data;
};

using Epoch = std::vector<Write>;

// Between two flushes each; the last epoch is what no flush followed.
inline std::vector<Epoch> epochsOf(std::string_view log) {
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

inline void apply(std::string& disk, const Write& write) {
    memcpy(disk.data() + write.offset, write.data.data(), write.data.size());
}

inline Epoch pagesOf(const Epoch& epoch) {
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
inline void applySome(std::string& disk, Epoch pages, uint64_t seed) {
    std::mt19937_64 random(seed);
    std::shuffle(pages.begin(), pages.end(), random);
    pages.resize(random() % (pages.size() + 1));
    for (const Write& page : pages)
        apply(disk, page);
}

inline void copyPages(std::string& to, const std::string& from, const Epoch& pages) {
    for (const Write& page : pages)
        memcpy(to.data() + page.offset, from.data() + page.offset, page.data.size());
}

inline void eachPoint(std::string disk, const std::vector<Epoch>& epochs, size_t count, uint64_t seed,
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
