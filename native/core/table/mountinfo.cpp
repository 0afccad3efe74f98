// The parser: fields split at single spaces, so that an empty source stays a field.
#include "mountinfo.h"
#include "../base/file.h"

#include <charconv>

namespace ksquash {

namespace {

// The next field of the line; the rest stays in `line`. False at the end.
bool nextField(std::string_view& line, std::string_view& field) {
    if (line.data() == nullptr) {
        return false;
    }
    size_t space = line.find(' ');
    field = line.substr(0, space);
    line = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    return true;
}

bool parseNumber(std::string_view text, uint32_t& out) {
    auto result = std::from_chars(text.data(), text.data() + text.size(), out);
    return result.ec == std::errc{} && result.ptr == text.data() + text.size() && !text.empty();
}

bool isOctal(char c, char highest) {
    return c >= '0' && c <= highest;
}

// Undoes mangle() of fs/seq_file.c: "\040" is a space. A backslash that starts nothing stays.
std::string unescape(std::string_view raw) {
    if (raw.find('\\') == std::string_view::npos) {
        return std::string(raw);
    }
    std::string out;
    out.reserve(raw.size());
    for (size_t at = 0; at < raw.size(); ++at) {
        bool escape = raw[at] == '\\' && at + 3 < raw.size() && isOctal(raw[at + 1], '3') &&
                      isOctal(raw[at + 2], '7') && isOctal(raw[at + 3], '7');
        if (!escape) {
            out += raw[at];
            continue;
        }
        out += static_cast<char>((raw[at + 1] - '0') * 64 + (raw[at + 2] - '0') * 8 + (raw[at + 3] - '0'));
        at += 3;
    }
    return out;
}

bool parseRow(std::string_view line, MountRow& row) {
    std::string_view id, parent, device, root, target, options, field;
    bool head = nextField(line, id) && nextField(line, parent) && nextField(line, device) &&
                nextField(line, root) && nextField(line, target) && nextField(line, options);
    size_t colon = device.find(':');
    if (!head || colon == std::string_view::npos) {
        return false;
    }
    bool numbers = parseNumber(id, row.id) && parseNumber(parent, row.parent) &&
                   parseNumber(device.substr(0, colon), row.deviceMajor) &&
                   parseNumber(device.substr(colon + 1), row.deviceMinor);
    while (nextField(line, field) && field != "-") {
        row.tags.emplace_back(field);
    }
    std::string_view fstype, source, superOptions;
    if (!numbers || field != "-" || !nextField(line, fstype) || !nextField(line, source) ||
        !nextField(line, superOptions)) {
        return false;
    }
    row.root = unescape(root);
    row.target = unescape(target);
    row.options = unescape(options);
    row.fstype = unescape(fstype);
    row.source = unescape(source);
    row.superOptions = unescape(superOptions);
    return true;
}

} // namespace

std::vector<MountRow> parseMountinfo(std::string_view text) {
    std::vector<MountRow> rows;
    while (!text.empty()) {
        // Only a newline ends a line: a carriage return may be part of a name.
        size_t end = text.find('\n');
        MountRow row;
        if (parseRow(text.substr(0, end), row)) {
            rows.push_back(std::move(row));
        }
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return rows;
}

Result<std::vector<MountRow>> readMountinfo(const std::string& file) {
    auto text = readSmallFile(file, size_t{256} << 20U);
    if (!text) {
        return text.error();
    }
    return parseMountinfo(*text);
}

} // namespace ksquash
