// What a verb came to: the exit status, the facts for --json, and two texts: one that every caller may see,
// and one for root and the log. Leaves what happens to verbs.
#pragma once

#include "../core/base/file.h"
#include "../core/base/json.h"

#include <optional>

namespace ksquash::helper {

// sysexits(3), as far as the helper uses them.
enum Exit : int {
    exitOk = 0,
    exitUsage = 64,
    exitData = 65, // a bad image, or a policy that is wrong or unsafe
    exitNotPermitted = 66,
    exitUnavailable = 69, // the kernel lacks loop, squashfs or the compressor
    exitOccupied = 73,    // something else is mounted there, or the mount point is not empty
    exitBusy = 75,
    exitPrivilege = 77,
};

// none: it failed. The later ones are states, as "mounted" and "unmounted" may be.
enum class OutcomeResult { none, mounted, already, unmounted, notMounted, stale, other, absent };

struct Outcome {
    int status = exitOk;
    std::string name;
    OutcomeResult result = OutcomeResult::none;
    std::string image;
    std::string target;
    std::string device;
    std::optional<FileKey> file;
    uint64_t mountId = 0;
    std::optional<bool> mayUmount;
    std::optional<bool> stillHeld;
    std::string message; // for every caller; "not permitted" says no more than that
    std::string detail;  // for root and the log
};

// A refusal that must not tell the caller what is there.
Outcome notPermitted(std::string detail);
Outcome failure(int status, std::string message);
// A failed call of the core, with the status that its step and errno mean.
Outcome failure(const SysError& error);

// Writes the outcome: JSON or a line on stdout, a failure's line on stderr; and both to syslog (AUTHPRIV).
void report(const char* verb, const Outcome& outcome, bool json);
void log(const char* verb, const Outcome& outcome);
void writeJson(JsonWriter& out, const Outcome& outcome);
std::string toJson(const Outcome& outcome);
// "not mounted"
const char* resultName(OutcomeResult result);
// A line for a person; the detail is root's.
std::string toText(const Outcome& outcome);
// One line for a terminal or a log: what is not printable, and not a space, as "\ooo".
std::string printable(std::string_view text);
// "ENOENT", or the text for it where the C library has no names.
std::string errorName(int code);
void print(int fd, std::string_view text);

} // namespace ksquash::helper
