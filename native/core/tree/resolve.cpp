// openat2(RESOLVE_IN_ROOT, 5.6) when every parent exists: the kernel's own answer. Else component by
// component, since a dangling link must not be taken for a missing name: creating it would follow the link
// out of the root.
#include "resolve.h"
#include "../base/abi.h"
#include "../base/file.h"

#include <climits>
#include <cstdlib>
#include <deque>
#include <fcntl.h>
#include <vector>

namespace ksquash {

namespace {

constexpr int maxLinks = 40; // MAXSYMLINKS of the kernel

std::deque<std::string> components(std::string_view path) {
    std::deque<std::string> out;
    while (!path.empty()) {
        size_t slash = path.find('/');
        std::string_view part = path.substr(0, slash);
        if (!part.empty() && part != ".") {
            out.emplace_back(part);
        }
        path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    }
    return out;
}

std::string join(const std::string& root, const std::vector<std::string>& parts) {
    std::string out = root == "/" ? "" : root;
    for (const std::string& part : parts) {
        out += "/" + part;
    }
    return out.empty() ? "/" : out;
}

// Walks by name from the real path of the root. Parts that are done hold no link.
Result<std::string> resolveByWalk(const std::string& root, const std::string& path) {
    std::deque<std::string> left = components(path);
    std::vector<std::string> done;
    int links = 0;
    while (!left.empty()) {
        std::string part = std::move(left.front());
        left.pop_front();
        if (part == "..") {
            if (!done.empty()) {
                done.pop_back();
            }
            continue;
        }
        done.push_back(part);
        if (left.empty()) {
            break; // the last component stays what it is
        }
        std::string here = join(root, done);
        auto target = readLinkAt(AT_FDCWD, here.c_str(), here);
        if (!target) {
            int code = target.error().code;
            if (code == EINVAL || code == ENOENT || code == ENOTDIR) {
                continue; // no link: a directory, or nothing
            }
            return target.error();
        }
        if (++links > maxLinks) {
            return makeError(ELOOP, "openat2", path, "resolve", "too many symbolic links");
        }
        done.pop_back();
        if (target->starts_with('/')) {
            done.clear();
        }
        std::deque<std::string> inside = components(*target);
        left.insert(left.begin(), inside.begin(), inside.end());
    }
    return join(root, done);
}

// Nothing where the kernel cannot say: then the walk decides.
std::string resolveByKernel(const std::string& root, const std::deque<std::string>& parts) {
    UniqueFd top(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!top) {
        return {};
    }
    std::string parent;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
        parent += "/" + parts[i];
    }
    struct open_how how {};
    how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT;
    UniqueFd fd(abi::openat2(top.get(), parent.empty() ? "/" : parent.c_str(), &how));
    if (!fd) {
        return {};
    }
    auto name = readLinkAt(AT_FDCWD, fdPath(fd.get()).c_str(), root);
    bool inside = name && (root == "/" || *name == root || name->starts_with(root + "/"));
    if (!inside) {
        return {};
    }
    return (*name == "/" ? "" : *name) + "/" + parts.back();
}

} // namespace

Result<std::string> resolveInRoot(const std::string& root, const std::string& path) {
    char real[PATH_MAX];
    if (realpath(root.c_str(), real) == nullptr) {
        return lastError("realpath", root, "resolve");
    }
    std::deque<std::string> parts = components(path);
    // "a/b/.." and "/" have no last name to leave alone.
    if (!parts.empty() && parts.back() != "..") {
        std::string answer = resolveByKernel(real, parts);
        if (!answer.empty()) {
            return answer;
        }
    }
    return resolveByWalk(real, path);
}

} // namespace ksquash
