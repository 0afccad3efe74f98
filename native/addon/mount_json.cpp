// Text and numbers only; bytes below 0x20, quotes and backslashes are escaped (RFC 8259).
#include "mount_json.h"

#include <algorithm>

namespace ksquash::addon {

namespace {

void escapeInto(std::string& out, unsigned char byte) {
    constexpr const char* digits = "0123456789abcdef";
    out += "\\u00";
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
}

void quoteInto(std::string& out, std::string_view text, bool latin1) {
    auto mustEscape = [latin1](char c) {
        auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || c == '"' || c == '\\' || (latin1 && byte >= 0x80);
    };
    out += '"';
    for (auto at = text.begin(); at != text.end();) {
        auto end = std::find_if(at, text.end(), mustEscape);
        out.append(at, end);
        for (at = end; at != text.end() && mustEscape(*at); ++at) {
            escapeInto(out, static_cast<unsigned char>(*at));
        }
    }
    out += '"';
}

void key(std::string& out, const char* name) {
    out += out.back() == '{' ? "\"" : ",\"";
    out += name;
    out += "\":";
}

void path(std::string& out, const char* name, const std::string& value) {
    key(out, name);
    bool utf8 = isUtf8(value);
    out += utf8 ? "" : "{\"latin1\":";
    quoteInto(out, value, !utf8);
    out += utf8 ? "" : "}";
}

// Words of the kernel's and of file systems: for people, so always a string.
void words(std::string& out, const char* name, const std::string& value) {
    key(out, name);
    quoteInto(out, escapePath(value), false);
}

void rowInto(std::string& out, const MountRow& row) {
    out += '{';
    key(out, "id");
    out += std::to_string(row.id);
    key(out, "parent");
    out += std::to_string(row.parent);
    words(out, "device", std::to_string(row.deviceMajor) + ":" + std::to_string(row.deviceMinor));
    path(out, "root", row.root);
    path(out, "target", row.target);
    words(out, "options", row.options);
    key(out, "tags");
    out += '[';
    for (const std::string& tag : row.tags) {
        out += out.back() == '[' ? "" : ",";
        quoteInto(out, escapePath(tag), false);
    }
    out += ']';
    words(out, "fstype", row.fstype);
    path(out, "source", row.source);
    words(out, "superOptions", row.superOptions);
    out += '}';
}

} // namespace

std::string toJson(std::span<const MountRow> rows) {
    std::string out = "[";
    for (const MountRow& row : rows) {
        out += out.size() == 1 ? "" : ",";
        rowInto(out, row);
    }
    return out + "]";
}

} // namespace ksquash::addon
