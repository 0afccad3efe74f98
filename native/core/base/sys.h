// What every file of the core is made of: an owned descriptor, an error that is data, and a value or an
// error. No exceptions: a failed verb returns the errno, the system call and the path, and nothing is thrown
// or logged.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace ksquash {

class UniqueFd {
  public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        reset(other.release());
        return *this;
    }
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }
    // Leaves errno as it is, so that a caller may still report what failed before.
    void reset(int fd = -1);

  private:
    int fd_ = -1;
};

// What an errno alone does not tell of an image.
enum class ErrorKind {
    none,
    notAnImage,
    unsupportedFormat, // a version, a compressor or a layout that no kernel reads
    truncated,
    unpadded,
    damaged,
    kernelLacksCompressor, // the image may be good
};
// "not-an-image"; "" for none.
const char* kindName(ErrorKind kind);

struct SysError {
    int code = 0; // a positive errno
    const char* syscall = "";
    std::string path;
    std::string dest;
    const char* step = "";
    ErrorKind kind = ErrorKind::none;
    std::string kernelLog; // what the fs context said, see fsopen(2)
    std::string reason;    // in words, for images and targets
};

// The errno of the call that just failed, with what it was about.
SysError lastError(const char* syscall, std::string path = {}, const char* step = "");
SysError makeError(int code, const char* syscall, std::string path, const char* step, std::string reason);
// The error with the step of the verb named, where whoever made it did not know it.
SysError withStep(SysError error, const char* step);

template <class T> class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(SysError error) : state_(std::in_place_index<1>, std::move(error)) {}
    explicit operator bool() const { return state_.index() == 0; }
    T& operator*() { return *std::get_if<0>(&state_); }
    const T& operator*() const { return *std::get_if<0>(&state_); }
    T* operator->() { return std::get_if<0>(&state_); }
    const T* operator->() const { return std::get_if<0>(&state_); }
    SysError& error() { return *std::get_if<1>(&state_); }
    const SysError& error() const { return *std::get_if<1>(&state_); }

  private:
    std::variant<T, SysError> state_;
};

struct Done {};
using Status = Result<Done>;

// Bytes <= 0x20, 0x7f and "\" as "\ooo", so that a path is one field of one line.
std::string escapeField(std::string_view raw);
// The same, and whatever is not valid UTF-8 too: for people and for strings of JavaScript.
std::string escapePath(std::string_view raw);
bool isUtf8(std::string_view raw);

// "/proc/self/fd/N", or "/proc/self/fd/N/NAME": names an open file where a call takes a path only.
std::string fdPath(int fd, std::string_view name = {});

void sleepMicros(unsigned micros);
// CLOCK_MONOTONIC.
long long nowMicros();
long long nowMs();

} // namespace ksquash
