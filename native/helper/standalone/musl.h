// Included before everything where the C library is musl: GCC's C++ headers were configured for glibc, and
// musl 1.2.3 has no statx(2).
#pragma once

#define __GLIBC_PREREQ(major, minor) 0
#define __locale_t locale_t
#include <bits/c++config.h>
#undef _GLIBCXX_USE_PTHREAD_COND_CLOCKWAIT

// The bits of std::ctype_base, which <memory> declares by way of <ostream>. Nothing here asks for a locale:
// any will do.
#define _ISupper (1 << 0)
#define _ISlower (1 << 1)
#define _ISalpha (1 << 2)
#define _ISdigit (1 << 3)
#define _ISxdigit (1 << 4)
#define _ISspace (1 << 5)
#define _ISprint (1 << 6)
#define _ISgraph (1 << 7)
#define _ISblank (1 << 8)
#define _IScntrl (1 << 9)
#define _ISpunct (1 << 10)
#define _ISalnum (1 << 11)

#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

inline int statx(int directory, const char* name, int flags, unsigned mask, struct statx* out) {
    return static_cast<int>(syscall(SYS_statx, directory, name, flags, mask, out));
}
