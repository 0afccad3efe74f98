// Makes system calls of a program fail, by seccomp(2): deny RULE… -- PROGRAM ARGUMENT…
//   NR=ERRNO          every call with this number; ERRNO 0: it does nothing, and says that it succeeded
//   NR:ARG1=ERRNO     … with this second argument (an ioctl's request)
//   NR@N=ERRNO        the Nth call only, counted from 1; ERRNO "KILL" ends the program there. For calls that
//                     strace does not know: a notifier, so it is a process beside the program that answers.
// Numbers are decimal or 0x…; several rules of the first two kinds, or one of the third.
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

struct Rule {
    uint32_t number = 0;
    bool withArgument = false;
    uint32_t argument = 0;
    unsigned long nth = 0; // 0: every call
    bool kill = false;
    uint32_t error = 0;
};

bool parseRule(const char* text, Rule& out) {
    char* rest = nullptr;
    out.number = static_cast<uint32_t>(strtoul(text, &rest, 0));
    if (*rest == ':') {
        out.withArgument = true;
        out.argument = static_cast<uint32_t>(strtoul(rest + 1, &rest, 0));
    } else if (*rest == '@') {
        out.nth = strtoul(rest + 1, &rest, 0);
    }
    if (*rest != '=') {
        return false;
    }
    const char* answer = rest + 1;
    out.kill = strcmp(answer, "KILL") == 0;
    out.error = static_cast<uint32_t>(strtoul(answer, &rest, 0));
    return out.kill || (rest != answer && *rest == '\0');
}

void add(std::vector<sock_filter>& code, const Rule& rule) {
    auto load = [&](size_t at) {
        code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(at)));
    };
    auto unless = [&](uint32_t value, uint8_t skip) {
        code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip));
    };
    load(offsetof(seccomp_data, nr));
    unless(rule.number, rule.withArgument ? 3 : 1);
    if (rule.withArgument) {
        load(offsetof(seccomp_data, args) + 8); // the low half, on a little-endian machine
        unless(rule.argument, 1);
    }
    uint32_t answer = rule.nth != 0 ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | rule.error;
    code.push_back(BPF_STMT(BPF_RET | BPF_K, answer));
}

// Returns the notifier's descriptor (-1: none); ends the process when the filter cannot be set.
int install(const std::vector<Rule>& rules) {
    std::vector<sock_filter> code;
    for (const Rule& rule : rules) {
        add(code, rule);
    }
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    unsigned flags = rules.front().nth != 0 ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (fd < 0) {
        perror("seccomp");
        _exit(70);
    }
    return static_cast<int>(fd);
}

// Answers for the program until it ends.
void answer(int listener, const Rule& rule) {
    unsigned long seen = 0;
    seccomp_notif request{};
    while (memset(&request, 0, sizeof(request)), ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) == 0) {
        bool now = ++seen == rule.nth;
        if (now && rule.kill) {
            kill(static_cast<pid_t>(request.pid), SIGKILL);
        }
        seccomp_notif_resp response{};
        response.id = request.id;
        response.error = now ? -static_cast<int32_t>(rule.error) : 0;
        response.flags = now ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
    }
}

// The listener is made in the program's process and fetched from there (pidfd_getfd(2), 5.6).
int supervise(const Rule& rule, char** program) {
    int toParent[2];
    int toChild[2];
    if (pipe2(toParent, O_CLOEXEC) != 0 || pipe2(toChild, O_CLOEXEC) != 0) {
        return 70;
    }
    pid_t child = fork();
    if (child == 0) {
        int listener = install({rule});
        char go = 0;
        // The listener must be fetched before it closes at exec.
        if (write(toParent[1], &listener, sizeof(listener)) < 0 || read(toChild[0], &go, 1) != 1) {
            _exit(70);
        }
        execv(program[0], program);
        _exit(127);
    }
    int remote = -1;
    if (read(toParent[0], &remote, sizeof(remote)) != sizeof(remote)) {
        return 70;
    }
    int pidfd = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
    int listener = static_cast<int>(syscall(SYS_pidfd_getfd, pidfd, remote, 0));
    if (listener < 0 || write(toChild[1], "g", 1) != 1) {
        perror("pidfd_getfd");
        kill(child, SIGKILL);
        return 70;
    }
    answer(listener, rule);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

} // namespace

int main(int argc, char** argv) {
    std::vector<Rule> rules;
    int at = 1;
    for (; at < argc && strcmp(argv[at], "--") != 0; ++at) {
        Rule rule;
        if (!parseRule(argv[at], rule)) {
            fprintf(stderr, "not a rule: %s\n", argv[at]);
            return 64;
        }
        rules.push_back(rule);
    }
    if (rules.empty() || at + 1 >= argc) {
        fprintf(stderr, "see the head of deny.cpp\n");
        return 64;
    }
    if (rules.front().nth != 0) {
        return supervise(rules.front(), argv + at + 1);
    }
    install(rules);
    execv(argv[at + 1], argv + at + 1);
    perror(argv[at + 1]);
    return 127;
}
