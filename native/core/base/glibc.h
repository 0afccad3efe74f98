// Included by the compiler before every file of the add-on (binding.gyp): the symbols of glibc that it asks
// for are those of the oldest version that has them, so that a prebuilt add-on made on a new system loads on
// an old one. Node's own binaries ask for GLIBC_2.28 and GLIBCXX_3.4.21; scripts/check-symbols.mjs holds us
// to that.
#pragma once

#include <features.h>

#if defined(__GLIBC__) && defined(__x86_64__)
#define KSQUASH_SYMBOL(name, version) __asm__(".symver " #name "," #name "@" version)
// Moved into libc.so.6 with new versions in 2.32 and 2.34.
KSQUASH_SYMBOL(pthread_create, "GLIBC_2.2.5");
KSQUASH_SYMBOL(pthread_join, "GLIBC_2.2.5");
KSQUASH_SYMBOL(pthread_sigmask, "GLIBC_2.2.5");
KSQUASH_SYMBOL(pthread_condattr_setclock, "GLIBC_2.3.3");
#elif defined(__GLIBC__) && defined(__aarch64__)
#define KSQUASH_SYMBOL(name, version) __asm__(".symver " #name "," #name "@" version)
KSQUASH_SYMBOL(pthread_create, "GLIBC_2.17");
KSQUASH_SYMBOL(pthread_join, "GLIBC_2.17");
KSQUASH_SYMBOL(pthread_sigmask, "GLIBC_2.17");
KSQUASH_SYMBOL(pthread_condattr_setclock, "GLIBC_2.17");
#endif
