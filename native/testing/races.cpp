// The two rivals of the race tests. Each checks what it must never see and prints what it did.
#include "../core/base/abi.h"
#include "../core/loop/lock.h"
#include "../core/loop/loop.h"
#include "../core/mount/mount.h"
#include "../core/table/mountinfo.h"
#include "drive.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

namespace ksquash::testing {

namespace {

// Under the lock: a table that changes between two reads of it can show what moved to its end twice.
Result<size_t> mountsOn(const std::string& target) {
    auto lock = lockLoopControl(Control());
    if (!lock) {
        return lock.error();
    }
    auto rows = readMountinfo();
    if (!rows) {
        return rows.error();
    }
    return static_cast<size_t>(std::count_if(
        rows->begin(), rows->end(), [&target](const MountRow& row) { return row.target == target; }));
}

std::string numbers(std::initializer_list<std::pair<const char*, int>> fields) {
    JsonWriter out;
    out.beginObject();
    for (const auto& [name, value] : fields) {
        out.number(name, value);
    }
    out.endObject();
    return out.take();
}

// What must never be seen after a mount or an unmount; nothing when all is well.
std::string wrong(const Result<MountResult>& on, const Result<UmountResult>& off, const std::string& target) {
    if (!on) {
        return toJson(on.error());
    }
    if (!off && off.error().code != EINVAL) { // EINVAL: the other has unmounted it already
        return toJson(off.error());
    }
    if (off && off->stillHeld) {
        return numbers({{"a device that stays bound", 1}});
    }
    auto count = mountsOn(target);
    if (!count) {
        return toJson(count.error());
    }
    return *count > 1 ? numbers({{"more than one mount", static_cast<int>(*count)}}) : "";
}

// Takes the device that GET_FREE names, without the lock; -1 when another was quicker.
UniqueFd takeDevice(int control, int file, dev_t& device) {
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    std::string path = "/dev/loop" + std::to_string(number);
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct loop_config config {};
    config.fd = static_cast<__u32>(file);
    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    device = makedev(loopMajor, static_cast<unsigned>(number));
    return fd && ioctl(fd.get(), LOOP_CONFIGURE, &config) == 0 ? std::move(fd) : UniqueFd();
}

} // namespace

int churn(const std::string& image, const std::string& target, int seconds) {
    int mounted = 0;
    int already = 0;
    int unmounted = 0;
    auto seed = static_cast<unsigned>(getpid());
    for (long long end = nowMs() + seconds * 1000LL; nowMs() < end;) {
        bool up = rand_r(&seed) % 2 == 0;
        auto on = up ? mountImage({{image}, target, "", std::nullopt}, Control())
                     : Result<MountResult>(MountResult{});
        auto off =
            up ? Result<UmountResult>(UmountResult{}) : umountTarget(target, false, std::nullopt, Control());
        auto found = wrong(on, off, target);
        if (!found.empty()) {
            fprintf(stderr, "%s\n", found.c_str());
            return 1;
        }
        mounted += up && !on->already ? 1 : 0;
        already += up && on->already ? 1 : 0;
        unmounted += !up && off ? 1 : 0;
    }
    puts(numbers({{"mounted", mounted}, {"already", already}, {"unmounted", unmounted}}).c_str());
    return 0;
}

int rival(const std::string& file, int seconds) {
    UniqueFd control(open("/dev/loop-control", O_RDONLY | O_CLOEXEC));
    UniqueFd backing(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    auto own = statAt(backing.get(), "", file);
    int won = 0;
    int lost = 0;
    auto seed = static_cast<unsigned>(getpid());
    for (long long end = nowMs() + seconds * 1000LL; nowMs() < end;) {
        dev_t device = 0;
        UniqueFd fd = takeDevice(control.get(), backing.get(), device);
        won += fd ? 1 : 0;
        lost += fd ? 0 : 1;
        sleepMicros(static_cast<unsigned>(rand_r(&seed)) % 300U);
        auto now = fd ? loopBacking(device) : Result<LoopBacking>(LoopBacking{});
        if (fd && (!now || now->file != own->key)) {
            fprintf(stderr, "the device of the rival was touched\n");
            return 1;
        }
    }
    puts(numbers({{"won", won}, {"lost", lost}}).c_str());
    return 0;
}

} // namespace ksquash::testing
