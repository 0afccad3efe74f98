/*
 * A preload for user-mode-linux: it keeps a process's vector registers in a buffer that is too small for processors with
 * AMX, and panics (arch/x86/um/os-Linux/registers.c of 6.1). Told that PTRACE_GETREGSET does not work for them it takes
 * the older call. That one knows no upper halves of the AVX registers: a memcpy(3) in AVX that meets a page fault then
 * writes zeroes, so programs inside must do without AVX.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/ptrace.h>
#include <sys/types.h>

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif

long ptrace(enum __ptrace_request request, ...)
{
	static long (*next)(enum __ptrace_request, ...);
	va_list list;
	va_start(list, request);
	pid_t pid = va_arg(list, pid_t);
	void *address = va_arg(list, void *);
	void *data = va_arg(list, void *);
	va_end(list);
	if ((request == PTRACE_GETREGSET || request == PTRACE_SETREGSET) && (long)address == NT_X86_XSTATE) {
		errno = EIO;
		return -1;
	}
	if (!next)
		next = dlsym(RTLD_NEXT, "ptrace");
	return next(request, pid, address, data);
}
