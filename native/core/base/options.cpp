// One table: each word sets or clears an attribute; what is not in it belongs to the file system.
#include "options.h"
#include "abi.h"

#include <algorithm>

namespace ksquash {

namespace {

struct Word {
    std::string_view name;
    unsigned attribute;
    unsigned long flag;
    bool set;
};

constexpr unsigned long msNosymfollow = 256; // 5.10

constexpr Word words[] = {
    {"nosuid", MOUNT_ATTR_NOSUID, MS_NOSUID, true},
    {"suid", MOUNT_ATTR_NOSUID, MS_NOSUID, false},
    {"nodev", MOUNT_ATTR_NODEV, MS_NODEV, true},
    {"dev", MOUNT_ATTR_NODEV, MS_NODEV, false},
    {"noexec", MOUNT_ATTR_NOEXEC, MS_NOEXEC, true},
    {"exec", MOUNT_ATTR_NOEXEC, MS_NOEXEC, false},
    {"noatime", MOUNT_ATTR_NOATIME, MS_NOATIME, true},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MS_STRICTATIME, true},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, MS_NODIRATIME, true},
    {"diratime", MOUNT_ATTR_NODIRATIME, MS_NODIRATIME, false},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, msNosymfollow, true},
    {"symfollow", MOUNT_ATTR_NOSYMFOLLOW, msNosymfollow, false},
    // Without meaning for the kernel here: the default, or a word of mount(8) and fstab(5) themselves.
    {"ro", 0, 0, true},
    {"defaults", 0, 0, true},
    {"relatime", 0, 0, true},
    {"atime", 0, 0, true},
    {"loop", 0, 0, true},
    {"auto", 0, 0, true},
    {"noauto", 0, 0, true},
    {"nofail", 0, 0, true},
    {"_netdev", 0, 0, true},
};

void apply(const Word& word, MountOptions& out) {
    if (word.set) {
        out.attributes |= word.attribute;
        out.flags |= word.flag;
    } else {
        out.attributes &= ~word.attribute;
        out.flags &= ~word.flag;
    }
}

} // namespace

std::string MountOptions::data() const {
    std::string out;
    for (const auto& [key, value] : parameters) {
        out += out.empty() ? "" : ",";
        out += key;
        if (!value.empty()) {
            out += "=" + value;
        }
    }
    return out;
}

Result<MountOptions> parseOptions(std::string_view text) {
    MountOptions out;
    out.attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    out.flags = MS_RDONLY | MS_NOSUID | MS_NODEV;
    while (!text.empty()) {
        size_t comma = text.find(',');
        std::string_view option = text.substr(0, comma);
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
        if (option == "rw") {
            return makeError(EINVAL, "mount", {}, "options", "\"rw\": an image is mounted read-only");
        }
        bool comment = option.starts_with("x-") || option.starts_with("X-");
        if (option.empty() || comment) {
            continue;
        }
        const auto* word =
            std::find_if(std::begin(words), std::end(words), [&](const Word& w) { return w.name == option; });
        if (word != std::end(words)) {
            apply(*word, out);
            continue;
        }
        size_t equals = option.find('=');
        std::string_view value =
            equals == std::string_view::npos ? std::string_view() : option.substr(equals + 1);
        out.parameters.emplace_back(option.substr(0, equals), value);
    }
    // NOATIME and STRICTATIME are values of one field (MOUNT_ATTR__ATIME): both at once is EINVAL.
    if ((out.attributes & MOUNT_ATTR_NOATIME) != 0 && (out.attributes & MOUNT_ATTR_STRICTATIME) != 0) {
        return makeError(EINVAL, "mount", {}, "options", "noatime and strictatime exclude each other");
    }
    return out;
}

} // namespace ksquash
