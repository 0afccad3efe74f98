// Statuses from errors, and the three ways out: JSON, a line, the log.
#include "outcome.h"

#include <cstring>
#include <syslog.h>
#include <unistd.h>

namespace ksquash::helper {

namespace {

bool isOneOf(int code, std::initializer_list<int> codes) {
    for (int each : codes) {
        if (each == code) {
            return true;
        }
    }
    return false;
}

int statusOf(const SysError& error) {
    std::string_view step = error.step;
    // What the caller's limits or a full machine cause says nothing about the image.
    if (isOneOf(error.code, {EMFILE, ENFILE, ENOMEM, EINTR})) {
        return exitBusy;
    }
    if (step == "superblock" || step == "probe-read") {
        return exitData;
    }
    if (step == "create" && !isOneOf(error.code, {EPERM, EBUSY, EOPNOTSUPP})) {
        return error.kind == ErrorKind::kernelLacksCompressor ? exitUnavailable : exitData;
    }
    if (step == "target" || (step == "umount" && error.code == EINVAL)) {
        return exitOccupied;
    }
    if (isOneOf(error.code, {EPERM, EACCES})) {
        return exitPrivilege;
    }
    if (isOneOf(error.code, {ENOENT, ENXIO, ENODEV, ENOSYS, ENOTBLK, EOPNOTSUPP})) {
        return exitUnavailable;
    }
    return exitBusy;
}

void writeIfAny(JsonWriter& out, const char* key, std::string_view value) {
    if (!value.empty()) {
        out.text(key, value);
    }
}

} // namespace

const char* resultName(OutcomeResult result) {
    static constexpr const char* names[] = {"",      "mounted", "already", "unmounted", "not mounted",
                                            "stale", "other",   "absent"};
    return names[static_cast<size_t>(result)];
}

std::string errorName(int code) {
    return strerror(code);
}

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        size_t space = text.find(' ');
        out += escapePath(text.substr(0, space));
        out += space == std::string_view::npos ? "" : " ";
        text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    }
    return out;
}

Outcome notPermitted(std::string detail) {
    Outcome out = failure(exitNotPermitted, "not permitted");
    out.detail = std::move(detail);
    return out;
}

Outcome failure(int status, std::string message) {
    Outcome out;
    out.status = status;
    out.message = std::move(message);
    return out;
}

Outcome failure(const SysError& error) {
    std::string text = error.reason;
    if (text.empty()) {
        text = std::string(error.syscall) + (*error.step ? " (" + std::string(error.step) + ")" : "") +
               " failed: " + errorName(error.code);
    }
    if (!error.kernelLog.empty()) {
        text += "; the kernel says: " + error.kernelLog;
    }
    Outcome out = failure(statusOf(error), std::move(text));
    out.detail = error.path;
    return out;
}

void writeJson(JsonWriter& out, const Outcome& outcome) {
    out.beginObject();
    out.number("status", outcome.status);
    out.text("version", KSQUASH_VERSION);
    writeIfAny(out, "name", outcome.name);
    writeIfAny(out, "result", resultName(outcome.result));
    writeIfAny(out, "image", outcome.image);
    writeIfAny(out, "target", outcome.target);
    writeIfAny(out, "device", outcome.device);
    writeIfAny(out, "file", outcome.file ? outcome.file->text() : std::string());
    writeIfAny(out, "mountId", outcome.mountId == 0 ? std::string() : std::to_string(outcome.mountId));
    if (outcome.mayUmount) {
        out.boolean("mayUmount", *outcome.mayUmount);
    }
    if (outcome.stillHeld) {
        out.boolean("stillHeld", *outcome.stillHeld);
    }
    writeIfAny(out, "message", outcome.message);
    writeIfAny(out, "detail", getuid() == 0 ? outcome.detail : std::string());
    out.endObject();
}

std::string toJson(const Outcome& outcome) {
    JsonWriter out;
    writeJson(out, outcome);
    return out.take();
}

std::string toText(const Outcome& outcome) {
    std::string out = outcome.name.empty() ? "" : outcome.name + ": ";
    if (outcome.status == exitOk) {
        out += resultName(outcome.result);
        out += outcome.target.empty() ? "" : " on " + outcome.target;
        out += outcome.device.empty() ? "" : " (" + outcome.device + ")";
        out += outcome.stillHeld == true ? "; its loop device is still held elsewhere" : "";
        return out;
    }
    out += printable(outcome.message);
    if (getuid() == 0 && !outcome.detail.empty()) {
        out += " (" + printable(outcome.detail) + ")";
    }
    return out;
}

void print(int fd, std::string_view text) {
    while (!text.empty()) {
        ssize_t wrote = write(fd, text.data(), text.size());
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return; // a reader that went away, or a full disk: the exit status still tells
        }
        text.remove_prefix(static_cast<size_t>(wrote));
    }
}

void log(const char* verb, const Outcome& outcome) {
    int level = outcome.status == exitOk ? LOG_INFO : LOG_NOTICE;
    syslog(LOG_AUTHPRIV | level, "uid %u: %s %s: %s%s%s", getuid(), verb, printable(outcome.name).c_str(),
           outcome.status == exitOk ? resultName(outcome.result) : printable(outcome.message).c_str(),
           outcome.detail.empty() ? "" : ": ", printable(outcome.detail).c_str());
}

void report(const char* verb, const Outcome& outcome, bool json) {
    log(verb, outcome);
    if (json) {
        print(STDOUT_FILENO, toJson(outcome) + "\n");
    } else if (outcome.status == exitOk) {
        print(STDOUT_FILENO, toText(outcome) + "\n");
    } else {
        print(STDERR_FILENO, "ksquash-helper: " + toText(outcome) + "\n");
    }
}

} // namespace ksquash::helper
