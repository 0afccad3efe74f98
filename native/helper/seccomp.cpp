// One BPF program, as flat as it can be: each call is looked for in turn, and what is not found ends the
// process.
#include "seccomp.h"
#include "syscalls.h"

#include <cerrno>
#include <cstddef>
#include <iterator>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

namespace ksquash::helper {

namespace {

#if defined(__x86_64__)
constexpr uint32_t ownArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t ownArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr uint32_t ownArchitecture = 0; // no filter: its numbers and its C library's calls are not known
#endif

class Program {
  public:
    void load(size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<uint32_t>(offset)); }
    void mask(uint32_t bits) { add(BPF_ALU | BPF_AND | BPF_K, 0, 0, bits); }
    // Leaves out the next `count` instructions when the value is this, or is not.
    void skipIf(uint32_t value, uint8_t count) { add(BPF_JMP | BPF_JEQ | BPF_K, count, 0, value); }
    void skipUnless(uint32_t value, uint8_t count) { add(BPF_JMP | BPF_JEQ | BPF_K, 0, count, value); }
    void end(uint32_t action) { add(BPF_RET | BPF_K, 0, 0, action); }
    sock_fprog finish() { return {length_, code_.data()}; }

  private:
    void add(unsigned code, uint8_t jumpTrue, uint8_t jumpFalse, uint32_t operand) {
        code_[length_++] = {static_cast<uint16_t>(code), jumpTrue, jumpFalse, operand};
    }

    std::array<sock_filter, 8 * std::size(allowedCalls)> code_{};
    uint16_t length_ = 0;
};

// The low half: every argument that is looked at is an int to the kernel, or has no bit above.
constexpr size_t argumentOffset(unsigned index) {
    size_t half = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : sizeof(uint32_t);
    return offsetof(seccomp_data, args) + index * sizeof(uint64_t) + half;
}

void allow(Program& program, const Allowed& call) {
    auto number = static_cast<uint32_t>(call.number);
    if (call.mask == 0) {
        program.skipUnless(number, 1);
        program.end(SECCOMP_RET_ALLOW);
        return;
    }
    program.skipUnless(number, static_cast<uint8_t>(3 + 2 * call.count));
    program.load(argumentOffset(call.argument));
    program.mask(call.mask);
    for (size_t i = 0; i < call.count; ++i) {
        program.skipUnless(call.values[i], 1);
        program.end(SECCOMP_RET_ALLOW);
    }
    program.end(SECCOMP_RET_KILL_PROCESS);
}

} // namespace

bool confine() {
#ifdef KSQUASH_SANITIZED
    return true; // the sanitizers' runtimes have calls of their own
#endif
    if (ownArchitecture == 0) {
        return true;
    }
    Program program;
    program.load(offsetof(seccomp_data, arch));
    program.skipIf(ownArchitecture, 1);
    program.end(SECCOMP_RET_KILL_PROCESS);
    // x32 has the same architecture, but numbers of its own, none of which is below.
    program.load(offsetof(seccomp_data, nr));
    for (const Allowed& call : allowedCalls) {
        allow(program, call);
    }
    program.end(SECCOMP_RET_KILL_PROCESS);
    sock_fprog filter = program.finish();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return false;
    }
    bool there = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
    return there || errno == ENOSYS || errno == EINVAL;
}

} // namespace ksquash::helper
