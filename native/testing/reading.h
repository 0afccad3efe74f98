// Reads everything of a mounted image, whatever state it is in.
#pragma once

#include "../core/tree/directory.h"

#include <cstring>
#include <vector>

namespace ksquash::testing {

// A damaged directory may lead in circles, a damaged inode may promise terabytes.
constexpr uint64_t mostBytes = uint64_t{8} << 20U;
constexpr unsigned mostEntries = 1000;

inline const char* nameOf(int code) {
    const char* name = strerrorname_np(code);
    return name != nullptr ? name : "?";
}

// Everything that can be read through a mount, as one number (FNV-1a), or the first error.
class Reading {
  public:
    bool all(int dir, const std::string& path, unsigned depth) {
        auto top = openDirectory(dir, depth == 0 ? "." : lastName(path), path);
        if (!top) {
            return fail(top.error());
        }
        auto names = readNames(top->get(), path);
        if (!names) {
            return fail(names.error());
        }
        for (const Name& name : *names) {
            if (++entries_ > mostEntries || depth > 20) {
                return stop("endless");
            }
            if (!entry(top->get(), joinPath(path, name.name), name.name, depth)) {
                return false;
            }
        }
        return true;
    }
    std::string says() const { return said_.empty() ? "read " + std::to_string(sum_) : said_; }

  private:
    static const char* lastName(const std::string& path) {
        size_t slash = path.rfind('/');
        return path.c_str() + (slash == std::string::npos ? 0 : slash + 1);
    }
    bool stop(std::string why) {
        said_ = std::move(why);
        return false;
    }
    bool fail(const SysError& error) { return stop(std::string(error.syscall) + " " + nameOf(error.code)); }
    void add(const void* data, size_t size) {
        for (size_t i = 0; i < size; ++i) {
            sum_ = (sum_ ^ static_cast<const uint8_t*>(data)[i]) * 1099511628211ULL;
        }
    }
    bool entry(int dir, const std::string& path, const std::string& name, unsigned depth) {
        auto stat = statAt(dir, name.c_str(), path);
        if (!stat) {
            return fail(stat.error());
        }
        add(path.data(), path.size());
        const uint64_t facts[] = {stat->mode, stat->uid, stat->gid, stat->links,
                                  static_cast<uint64_t>(stat->mtime.seconds)};
        add(facts, sizeof(facts));
        auto xattrs = readXattrs(-1, fdPath(dir, name), path);
        if (!xattrs) {
            return fail(xattrs.error());
        }
        for (const Xattr& xattr : *xattrs) {
            add(xattr.name.data(), xattr.name.size());
            add(xattr.value.data(), xattr.value.size());
        }
        if (stat->isLink()) {
            auto link = readLinkAt(dir, name.c_str(), path);
            if (!link) {
                return fail(link.error());
            }
            add(link->data(), link->size());
        }
        if (stat->isDirectory()) {
            return all(dir, path, depth + 1);
        }
        return !stat->isRegular() || content(dir, path, name);
    }
    bool content(int dir, const std::string& path, const std::string& name) {
        auto file = openFile(dir, name.c_str(), path);
        if (!file) {
            return fail(file.error());
        }
        for (uint64_t at = 0;;) {
            auto got = readAt(file->get(), buffer_.data(), buffer_.size(), at, path);
            if (!got) {
                return fail(got.error());
            }
            add(buffer_.data(), *got);
            at += *got;
            bytes_ += *got;
            if (*got < buffer_.size()) {
                return true;
            }
            if (bytes_ > mostBytes) {
                return stop("endless");
            }
        }
    }

    std::string said_;
    uint64_t sum_ = 14695981039346656037ULL;
    uint64_t bytes_ = 0;
    unsigned entries_ = 0;
    std::vector<uint8_t> buffer_ = std::vector<uint8_t>(65536);
};

} // namespace ksquash::testing
