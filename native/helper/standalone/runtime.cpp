// What the C++ library would bring for its exceptions: memory, and the end where memory or a check fails. Its
// own would link the unwinder, the demangler and stdio into a program that is meant to be read and small.
// Declared by GCC's <bits/functexcept.h> and <bits/c++config.h>. scripts/build-helper.mjs alone uses this
// file.
#include "../outcome.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <unistd.h>

namespace {

// Closing the descriptors takes an unfinished mount and its loop device away.
[[noreturn]] void outOfMemory() {
    constexpr std::string_view text = "ksquash-helper: out of memory\n";
    [[maybe_unused]] auto written = write(STDERR_FILENO, text.data(), text.size());
    _exit(ksquash::helper::exitBusy);
}

} // namespace

void* operator new(size_t size) {
    void* memory = malloc(size);
    if (memory == nullptr) {
        outOfMemory();
    }
    return memory;
}

void* operator new[](size_t size) {
    return operator new(size);
}

void operator delete(void* memory) noexcept {
    free(memory);
}

void operator delete(void* memory, size_t /*size*/) noexcept {
    free(memory);
}

void operator delete[](void* memory) noexcept {
    free(memory);
}

void operator delete[](void* memory, size_t /*size*/) noexcept {
    free(memory);
}

// What a pure virtual function calls. NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" void __cxa_pure_virtual() {
    __builtin_trap();
}

// A size or a position that is wrong, or an assertion of the library's, is an error in this program: a trap.
namespace std {

void __throw_bad_alloc() {
    outOfMemory();
}
void __throw_bad_array_new_length() {
    __builtin_trap();
}
void __throw_length_error(const char* /*what*/) {
    __builtin_trap();
}
void __throw_logic_error(const char* /*what*/) {
    __builtin_trap();
}
void __throw_out_of_range_fmt(const char* /*what*/, ...) {
    __builtin_trap();
}
#ifdef _GLIBCXX_ASSERTIONS
void __glibcxx_assert_fail(const char* /*file*/, int /*line*/, const char* /*function*/,
                           const char* /*condition*/) noexcept {
    __builtin_trap();
}
#endif

} // namespace std
