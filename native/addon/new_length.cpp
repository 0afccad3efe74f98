// What new[] calls when a length is negative or too large. libstdc++ has it since GLIBCXX_3.4.29 (GCC 11),
// newer than Node itself asks for; this one stays inside the add-on, where no exception may leave anyway.
#include <cstdlib>

namespace std {

[[noreturn]] void
__throw_bad_array_new_length(); // NOLINT(bugprone-reserved-identifier): libstdc++'s own name

void __throw_bad_array_new_length() { // NOLINT(bugprone-reserved-identifier)
    abort();
}

} // namespace std
