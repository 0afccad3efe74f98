// Whether a comma is due shows in the last character: inside of a string it is always the closing quote.
#include "json.h"
#include "sys.h"

#include <algorithm>

namespace ksquash {

namespace {

void escapeInto(std::string& out, char c) {
    static constexpr char digits[] = "0123456789abcdef";
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
        out += '\\';
        out += c;
        return;
    }
    out += "\\u00";
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
}

} // namespace

void JsonWriter::separate() {
    if (!out_.empty() && out_.back() != '{' && out_.back() != '[' && out_.back() != ':') {
        out_ += ',';
    }
}

void JsonWriter::quote(std::string_view value, bool latin1) {
    auto mustEscape = [latin1](char c) {
        auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f || c == '"' || c == '\\' || (latin1 && byte >= 0x80);
    };
    out_ += '"';
    for (const auto* at = value.begin(); at != value.end();) {
        const auto* end = std::find_if(at, value.end(), mustEscape);
        out_.append(at, end);
        for (at = end; at != value.end() && mustEscape(*at); ++at) {
            escapeInto(out_, *at);
        }
    }
    out_ += '"';
}

void JsonWriter::key(std::string_view name) {
    separate();
    quote(name, false);
    out_ += ':';
}

void JsonWriter::text(std::string_view value) {
    separate();
    if (isUtf8(value)) {
        quote(value, false);
    } else {
        quote(escapePath(value), false);
    }
}

void JsonWriter::latin1(std::string_view bytes) {
    separate();
    quote(bytes, true);
}

void JsonWriter::number(uint64_t value) {
    separate();
    out_ += std::to_string(value);
}

void JsonWriter::number(int64_t value) {
    separate();
    out_ += std::to_string(value);
}

void JsonWriter::boolean(bool value) {
    separate();
    out_ += value ? "true" : "false";
}

} // namespace ksquash
