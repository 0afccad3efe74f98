// For the sanitized build of the helper only: what it clears, the environment, would say this. A process that
// is not dumpable cannot be searched for leaks.
extern "C" __attribute__((visibility("default"), used)) const char* __asan_default_options() {
    return "detect_leaks=0:exitcode=99";
}
extern "C" __attribute__((visibility("default"), used)) const char* __ubsan_default_options() {
    return "print_stacktrace=1:exitcode=99";
}
