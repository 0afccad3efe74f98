// The new mount API, with the kernel's own words kept: of a failed fsconfig, errno says next to nothing.
#include "detached.h"
#include "../base/abi.h"
#include "../base/capabilities.h"
#include "../image/superblock.h"
#include "../loop/lock.h"
#include "../tree/directory.h"

namespace ksquash {

namespace {

// The messages of an fs context, one each read(2): "e message", "w …" or "i …" (fsopen(2)).
std::string readLog(int context) {
    std::string out;
    char line[1024];
    ssize_t got = 0;
    while ((got = read(context, line, sizeof(line))) > 0) {
        std::string_view text(line, static_cast<size_t>(got));
        if (text.size() > 2 && text[1] == ' ') {
            text.remove_prefix(2);
        }
        while (text.ends_with('\n')) {
            text.remove_suffix(1);
        }
        out += out.empty() ? "" : "; ";
        out += text;
    }
    return out;
}

SysError contextError(int context, const char* step, const std::string& image) {
    SysError error = lastError("fsconfig", image, step);
    error.kernelLog = readLog(context);
    return error;
}

// Where the kernel was built with SQUASHFS_CHOICE_DECOMP_BY_MOUNT (6.2), one processor unpacks at a time
// unless a mount says otherwise. Any other kernel refuses the word, and nothing else changes:
// fs/squashfs/super.c.
void preferAllProcessors(int context, std::string_view type) {
    if (type == "squashfs" && abi::fsconfig(context, FSCONFIG_SET_STRING, "threads", "multi", 0) != 0) {
        readLog(context); // its refusal is no reason of a later error
    }
}

Status setParameters(int context, const LoopDevice& loop, const MountOptions& options,
                     const std::string& image) {
    if (abi::fsconfig(context, FSCONFIG_SET_STRING, "source", loop.path().c_str(), 0) != 0) {
        return contextError(context, "source", image);
    }
    if (abi::fsconfig(context, FSCONFIG_SET_FLAG, "ro", nullptr, 0) != 0) {
        return contextError(context, "options", image);
    }
    preferAllProcessors(context, options.type);
    for (const auto& [key, value] : options.parameters) {
        int failed = value.empty()
                         ? abi::fsconfig(context, FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0)
                         : abi::fsconfig(context, FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0);
        if (failed != 0) {
            SysError error = contextError(context, "options", image);
            error.reason = "the kernel does not take the mount option \"" + key + "\"";
            return error;
        }
    }
    return Done{};
}

} // namespace

Status readThrough(int mount, dev_t device, const std::string& image) {
    auto note = [](SysError error) {
        error.step = "probe-read";
        error.reason = "it could be mounted but not read: its contents are damaged";
        return error;
    };
    auto root = openDirectory(mount, ".", image);
    if (!root) {
        return note(root.error());
    }
    auto stat = statAt(root->get(), "", image);
    if (!stat) {
        return note(stat.error());
    }
    if (stat->key.dev != device) {
        return makeError(ESTALE, "statx", image, "probe-read",
                         "the mount is not of the loop device made for it");
    }
    auto name = firstName(root->get(), image);
    if (!name) {
        return note(name.error());
    }
    if (!name->empty()) {
        auto first = statAt(root->get(), name->c_str(), image);
        if (!first) {
            return note(first.error());
        }
    }
    return Done{};
}

namespace {

// The kernel tells it in words only, fs/squashfs/super.c: "Filesystem uses "xz" compression. This is not
// supported".
std::string lackingCompressor(const std::string& kernelLog) {
    constexpr std::string_view before = "Filesystem uses \"";
    size_t at = kernelLog.find(before);
    if (at == std::string::npos || kernelLog.find("not supported") == std::string::npos) {
        return {};
    }
    size_t start = at + before.size();
    return kernelLog.substr(start, kernelLog.find('"', start) - start);
}

std::string mountReason(const SysError& error, const std::string& type) {
    switch (error.code) {
    case ENODEV:
        return "this kernel has no " + type + (type == "erofs" ? " (CONFIG_EROFS_FS)" : " (CONFIG_SQUASHFS)");
    case EPERM:
        return effectiveCapabilities().sysAdmin
                   ? "the kernel does not let this process mount an image (a user namespace, or a security "
                     "module)"
                   : "CAP_SYS_ADMIN is missing";
    case EINVAL:
        return error.kernelLog.empty() ? "the kernel refused the image without a word: its contents are "
                                         "damaged, or its " +
                                             type + " lacks the compressor"
                                       : "";
    default:
        return {};
    }
}

} // namespace

void explainMount(SysError& error, const std::string& type) {
    if (std::string compressor = lackingCompressor(error.kernelLog); !compressor.empty()) {
        error.kind = ErrorKind::kernelLacksCompressor;
        error.reason = "this kernel's squashfs lacks the compressor " + compressor;
    } else if (error.code == EOPNOTSUPP && type == "erofs") {
        // fs/erofs: the algorithm is not built in; its words go to the kernel's log only.
        error.kind = ErrorKind::kernelLacksCompressor;
        error.reason = "this kernel's erofs lacks the image's compressor (dmesg names it)";
    } else {
        error.reason = mountReason(error, type);
    }
}

bool lacksMountApi(const SysError& error) {
    bool atStart = error.syscall == std::string_view("fsopen");
    return atStart && (error.code == ENOSYS || (error.code == EPERM && effectiveCapabilities().sysAdmin));
}

Result<UniqueFd> createMount(const LoopDevice& loop, const MountOptions& options, const std::string& image) {
    UniqueFd context(abi::fsopen(options.type, FSOPEN_CLOEXEC));
    if (!context) {
        SysError error = lastError("fsopen", image, "fsopen");
        explainMount(error, options.type);
        return error;
    }
    auto set = setParameters(context.get(), loop, options, image);
    if (!set) {
        return set.error();
    }
    if (abi::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
        SysError error = contextError(context.get(), "create", image);
        explainMount(error, options.type);
        return error;
    }
    UniqueFd mount(abi::fsmount(context.get(), FSMOUNT_CLOEXEC, options.attributes));
    if (!mount) {
        SysError error = lastError("fsmount", image, "fsmount");
        error.kernelLog = readLog(context.get());
        return error;
    }
    return mount;
}

namespace {

Result<UniqueFd> makeDetached(const LoopDevice& loop, const MountOptions& options, const std::string& image) {
    auto mount = createMount(loop, options, image);
    if (!mount) {
        return mount.error();
    }
    auto read = readThrough(mount->get(), loop.rdev, image);
    if (!read) {
        return read.error();
    }
    return mount;
}

} // namespace

Result<DetachedMount> mountDetached(const std::string& image, const MountOptions& options,
                                    const Control& control) {
    auto file = openImage(image);
    if (!file) {
        return file.error();
    }
    auto info = inspectImage(file->get(), image);
    if (!info) {
        return info.error();
    }
    auto lock = lockLoopControl(control);
    if (!lock) {
        return lock.error();
    }
    auto loop = attachLoop(lock->fd(), file->get(), image);
    if (!loop) {
        return loop.error();
    }
    MountOptions typed = options;
    typed.type = info->type();
    auto mount = makeDetached(*loop, typed, image);
    if (!mount) {
        if (lacksMountApi(mount.error())) {
            mount.error().reason =
                "reading an image without a mount point needs fsopen(2): Linux 5.2 and no filter";
        }
        return mount.error();
    }
    return DetachedMount{std::move(*loop), std::move(*mount), info->mayHaveXattrs(), !info->erofs};
}

} // namespace ksquash
