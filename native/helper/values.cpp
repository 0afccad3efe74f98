// Each parser takes the whole text or nothing.
#include "values.h"

#include <algorithm>
#include <charconv>

namespace ksquash::helper {

namespace {

constexpr size_t maxPath = 1024;

bool isPlain(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool isNameByte(char c) {
    return isPlain(c) || c == '.' || c == '_' || c == '+' || c == '-';
}

} // namespace

bool isSpace(char c) {
    return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && isSpace(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && isSpace(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

bool isCleanPath(std::string_view path) {
    if (path.empty() || path.size() > maxPath || path.front() != '/') {
        return false;
    }
    for (std::string_view rest = path.substr(1);;) {
        size_t slash = rest.find('/');
        std::string_view part = rest.substr(0, slash);
        bool odd = std::any_of(part.begin(), part.end(),
                               [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
        if (part.empty() || part == "." || part == ".." || part.size() > 255 || odd) {
            return path == "/";
        }
        if (slash == std::string_view::npos) {
            return true;
        }
        rest.remove_prefix(slash + 1);
    }
}

bool isForbidden(std::string_view path) {
    static constexpr std::string_view own[] = {"/",    "/etc", "/usr",  "/bin",  "/sbin", "/dev", "/proc",
                                               "/sys", "/run", "/boot", "/root", "/home", "/var"};
    bool library = path.starts_with("/lib") && path.find('/', 1) == std::string_view::npos;
    bool kernels = path.starts_with("/proc/") || path.starts_with("/sys/") || path.starts_with("/dev/");
    return library || kernels || std::find(std::begin(own), std::end(own), path) != std::end(own);
}

bool parseNumber(std::string_view text, uint64_t limit, uint64_t& out) {
    if (text.empty() || (text.size() > 1 && text.front() == '0') || !isPlain(text.front())) {
        return false;
    }
    const char* end = text.data() + text.size();
    auto result = std::from_chars(text.data(), end, out);
    return result.ec == std::errc{} && result.ptr == end && out <= limit;
}

bool parseSize(std::string_view text, uint64_t& out) {
    static constexpr std::string_view units = "KMGT";
    unsigned shift = 0;
    if (!text.empty()) {
        if (size_t unit = units.find(text.back()); unit != std::string_view::npos) {
            shift = static_cast<unsigned>(unit + 1) * 10;
            text.remove_suffix(1);
        }
    }
    if (!parseNumber(text, (unlimited - 1) >> shift, out)) {
        return false;
    }
    out <<= shift;
    return true;
}

bool parseIds(std::string_view text, Ids& out) {
    while (!text.empty()) {
        size_t end = text.find_first_of(" \t");
        uint64_t id = 0;
        // The highest number means "no user" to the kernel: (uid_t)-1.
        if (out.count == maxIds || !parseNumber(text.substr(0, end), 0xfffffffe, id)) {
            return false;
        }
        out.ids[out.count++] = static_cast<uint32_t>(id);
        text = end == std::string_view::npos ? std::string_view() : trimmed(text.substr(end));
    }
    return out.count > 0;
}

bool isFileWord(std::string_view text, size_t longest) {
    return !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), isNameByte);
}

bool parseYesNo(std::string_view value, bool& out) {
    out = value == "yes";
    return out || value == "no";
}

} // namespace ksquash::helper
