// One line at a time: "key = value", "[rule NAME]", a comment, or nothing. A key that is given twice is wrong
// like one that is unknown.
#include "policy.h"
#include "values.h"

#include <algorithm>

namespace ksquash::helper {

namespace {

// Without "# …" where that begins the line or stands behind a space.
std::string_view withoutComment(std::string_view line) {
    for (size_t at = 0; at < line.size(); ++at) {
        if (line[at] == '#' && (at == 0 || isSpace(line[at - 1]))) {
            return line.substr(0, at);
        }
    }
    return line;
}

enum Key : unsigned {
    keyImages,
    keySuffix,
    keyPrefix,
    keyMountpoints,
    keyUids,
    keyGids,
    keyUmount,
    keyMounts,
    keySize,
    keyCount
};
constexpr std::string_view keys[keyCount] = {"images", "suffix", "prefix",     "mountpoints", "uids",
                                             "gids",   "umount", "max_mounts", "max_size"};

bool setValue(Rule& rule, unsigned key, std::string_view value) {
    switch (key) {
    case keyImages:
        rule.images = value;
        return isCleanPath(value);
    case keyMountpoints:
        rule.mountpoints = value;
        return isCleanPath(value) && !isForbidden(value);
    case keySuffix:
        rule.suffix = value;
        return value.starts_with('.') && value.size() > 1 && isFileWord(value, 32);
    case keyPrefix:
        rule.prefix = value;
        return isFileWord(value, 64) && isName(value);
    case keyUids:
        return parseIds(value, rule.uids);
    case keyGids:
        return parseIds(value, rule.gids);
    case keyUmount:
        return parseYesNo(value, rule.umount);
    case keyMounts:
        return parseNumber(value, 1'000'000, rule.maxMounts);
    default:
        return parseSize(value, rule.maxSize);
    }
}

class Reader {
  public:
    explicit Reader(Policy& out) : out_(out) {}

    const char* take(std::string_view raw) {
        std::string_view line = trimmed(withoutComment(raw));
        if (line.empty()) {
            return nullptr;
        }
        if (line.front() == '[') {
            const char* wrong = finish();
            return wrong == nullptr ? beginRule(line) : wrong;
        }
        size_t equals = line.find('=');
        if (equals == std::string_view::npos) {
            return "neither \"key = value\" nor \"[rule NAME]\"";
        }
        return assign(trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1)));
    }

    // At the end of a rule, and of the text.
    const char* finish() const {
        if (!version_) {
            return "\"version = 1\" is missing";
        }
        constexpr unsigned needed = 1U << keyImages | 1U << keySuffix | 1U << keyMountpoints;
        return out_.count > 0 && (seen_ & needed) != needed ? "the rule needs images, suffix and mountpoints"
                                                            : nullptr;
    }

  private:
    const char* beginRule(std::string_view line) {
        if (!line.starts_with("[rule ") || !line.ends_with(']')) {
            return "a section is \"[rule NAME]\"";
        }
        std::string_view name = line.substr(6, line.size() - 7);
        if (!isName(name)) {
            return "this is no name of a rule";
        }
        if (out_.count == maxRules) {
            return "too many rules";
        }
        for (const Rule& rule : out_.all()) {
            if (rule.name == name) {
                return "there is a rule of this name already";
            }
        }
        out_.rules[out_.count++].name = name;
        seen_ = 0;
        return nullptr;
    }

    const char* assign(std::string_view key, std::string_view value) {
        if (out_.count == 0) {
            bool good = key == "version" && value == "1" && !version_;
            version_ = true;
            return good ? nullptr : "before the first rule stands only \"version = 1\"";
        }
        const auto* found = std::find(std::begin(keys), std::end(keys), key);
        if (found == std::end(keys)) {
            return "unknown key";
        }
        auto number = static_cast<unsigned>(found - std::begin(keys));
        if ((seen_ >> number & 1U) != 0) {
            return "this key stands twice";
        }
        seen_ |= 1U << number;
        return setValue(out_.rules[out_.count - 1], number, value) ? nullptr : "this value is not allowed";
    }

    Policy& out_;
    unsigned seen_ = 0;
    bool version_ = false;
};

} // namespace

bool Ids::has(uint32_t id) const {
    return std::find(ids.begin(), ids.begin() + count, id) != ids.begin() + count;
}

bool isName(std::string_view text) {
    bool plain = !text.empty() && text.front() != '.' && text.front() != '_' && text.front() != '+' &&
                 text.front() != '-';
    return plain && isFileWord(text, 200);
}

bool permits(const Rule& rule, uint32_t uid, std::span<const uint32_t> groups) {
    return uid == 0 || rule.uids.has(uid) ||
           std::any_of(groups.begin(), groups.end(), [&](uint32_t gid) { return rule.gids.has(gid); });
}

PolicyError parsePolicy(std::string_view text, Policy& out) {
    out = Policy{};
    if (text.size() > maxPolicySize) {
        return {0, "it is larger than 64 KiB"};
    }
    Reader reader(out);
    unsigned number = 0;
    while (!text.empty()) {
        ++number;
        size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        bool odd = std::any_of(line.begin(), line.end(), [](char c) {
            return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
        });
        const char* wrong = odd ? "a control character (NUL, CR)" : reader.take(line);
        if (wrong != nullptr) {
            return {number, wrong};
        }
    }
    return {number, reader.finish()};
}

} // namespace ksquash::helper
