// The few functions behind sys.h: closing, errors from errno, escaping, and time.
#include "sys.h"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <unistd.h>

namespace ksquash {

void UniqueFd::reset(int fd) {
    int old = std::exchange(fd_, fd);
    if (old < 0 || old == fd) {
        return;
    }
    int saved = errno;
    // No retry at EINTR: Linux has freed the descriptor by then (close(2), "Dealing with error returns").
    close(old);
    errno = saved;
}

const char* kindName(ErrorKind kind) {
    static constexpr const char* names[] = {
        "",         "not-an-image", "unsupported-format",      "truncated",
        "unpadded", "damaged",      "kernel-lacks-compressor",
    };
    return names[static_cast<size_t>(kind)];
}

SysError lastError(const char* syscall, std::string path, const char* step) {
    int code = errno;
    return makeError(code, syscall, std::move(path), step, {});
}

SysError makeError(int code, const char* syscall, std::string path, const char* step, std::string reason) {
    SysError error;
    error.code = code;
    error.syscall = syscall;
    error.path = std::move(path);
    error.step = step;
    error.reason = std::move(reason);
    return error;
}

SysError withStep(SysError error, const char* step) {
    if (*error.step == '\0') {
        error.step = step;
    }
    return error;
}

namespace {

// Length of the well-formed UTF-8 sequence at the start of `raw` (RFC 3629), 0 when there is none.
size_t utf8Length(std::string_view raw) {
    auto byte = [&](size_t at) { return at < raw.size() ? static_cast<uint8_t>(raw[at]) : uint8_t{0}; };
    auto tail = [&](size_t at) { return (byte(at) & 0xc0U) == 0x80U; };
    uint8_t lead = byte(0);
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        return tail(1) ? 2 : 0;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        bool overlong = lead == 0xe0 && byte(1) < 0xa0;
        bool surrogate = lead == 0xed && byte(1) > 0x9f;
        return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        bool overlong = lead == 0xf0 && byte(1) < 0x90;
        bool beyond = lead == 0xf4 && byte(1) > 0x8f;
        return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

} // namespace

bool isUtf8(std::string_view raw) {
    for (size_t at = 0; at < raw.size();) {
        bool ascii = static_cast<uint8_t>(raw[at]) < 0x80;
        size_t length = ascii ? 1 : utf8Length(raw.substr(at));
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

namespace {

std::string escape(std::string_view raw, bool keepInvalid) {
    // Nearly all names: a table of ten thousand mounts has seventy thousand fields.
    if (std::all_of(raw.begin(), raw.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; })) {
        return std::string(raw);
    }
    std::string out;
    out.reserve(raw.size());
    for (size_t at = 0; at < raw.size();) {
        auto byte = static_cast<uint8_t>(raw[at]);
        size_t length = utf8Length(raw.substr(at));
        bool plain = byte > 0x20 && byte != 0x7f && byte != '\\' && (length > 0 || keepInvalid);
        if (plain) {
            length = length == 0 ? 1 : length;
            out += raw.substr(at, length);
            at += length;
        } else {
            out += '\\';
            out += static_cast<char>('0' + (byte >> 6U));
            out += static_cast<char>('0' + ((byte >> 3U) & 7U));
            out += static_cast<char>('0' + (byte & 7U));
            ++at;
        }
    }
    return out;
}

} // namespace

std::string escapeField(std::string_view raw) {
    return escape(raw, true);
}

std::string escapePath(std::string_view raw) {
    return escape(raw, false);
}

std::string fdPath(int fd, std::string_view name) {
    std::string path = "/proc/self/fd/" + std::to_string(fd);
    if (!name.empty()) {
        path += '/';
        path += name;
    }
    return path;
}

void sleepMicros(unsigned micros) {
    timespec pause{static_cast<time_t>(micros / 1000000U), static_cast<long>(micros % 1000000U) * 1000L};
    nanosleep(&pause, nullptr);
}

long long nowMicros() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<long long>(now.tv_sec) * 1000000 + now.tv_nsec / 1000;
}

long long nowMs() {
    return nowMicros() / 1000;
}

} // namespace ksquash
