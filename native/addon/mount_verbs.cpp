// Images, loop devices, mounts, the mount table, and who holds them.
#include "../core/loop/attach.h"
#include "mount_json.h"
#include "transactions.h"

#include <deque>

namespace ksquash::addon {

namespace {

Napi::Value inspect(Info info) {
    auto work = [image = toBytes(info[0])]() -> Result<ImageInfo> {
        auto fd = openImage(image);
        if (!fd) {
            return fd.error();
        }
        return inspectImage(fd->get(), image);
    };
    return promise(info.Env(), work, fromImageInfo);
}

Napi::Value mount(Info info) {
    MountRequest request{{toBytes(info[0])}, toBytes(info[1]), toBytes(info[2]), toOptionalKey(info[3])};
    auto verb = [request = std::move(request)](const Control& control) {
        return mountImage(request, control);
    };
    return transaction(info.Env(), info[4], std::move(verb), fromMountResult);
}

Napi::Value umount(Info info) {
    auto verb = [target = toBytes(info[0]), lazy = info[1].ToBoolean().Value(),
                 expect = toOptionalKey(info[2])](const Control& control) {
        return umountTarget(target, lazy, expect, control);
    };
    return transaction(info.Env(), info[3], std::move(verb), fromUmountResult);
}

Napi::Value attach(Info info) {
    auto verb = [image = toBytes(info[0]), expect = toOptionalKey(info[1])](const Control& control) {
        return attachImage(image, expect, control);
    };
    return transaction(info.Env(), info[2], std::move(verb), fromAttachResult);
}

Napi::Value detach(Info info) {
    auto verb = [device = toBytes(info[0]), file = toOptionalKey(info[1]).value_or(FileKey{})](
                    const Control& control) { return detachImage(device, file, control); };
    return transaction(info.Env(), info[2], std::move(verb), fromDetachResult);
}

Napi::Value target(Info info) {
    auto work = [path = toBytes(info[0]), image = toOptionalBytes(info[1])] {
        return statTarget(path, image);
    };
    return promise(info.Env(), work, fromTargetStatus);
}

using Batches = std::deque<std::string>;

// The table as JSON, some rows at a time: parsing ten thousand at once would hold up the one thread that can.
Result<Batches> tableInBatches(uint32_t size) {
    auto rows = readMountinfo();
    if (!rows) {
        return rows.error();
    }
    Batches out;
    for (std::span<const MountRow> left(*rows); !left.empty();) {
        size_t count = std::min<size_t>(left.size(), size);
        out.push_back(toJson(left.first(count)));
        left = left.subspan(count);
    }
    return out;
}

// The function that the promise resolves to hands out the next batch, and undefined at the end.
Napi::Value takeBatches(Napi::Env env, Batches& batches) {
    auto* rest = new Batches(std::move(batches));
    auto take = [rest](Info info) -> Napi::Value {
        if (rest->empty()) {
            return info.Env().Undefined();
        }
        auto text = Napi::String::New(info.Env(), rest->front());
        rest->pop_front();
        return text;
    };
    auto function = Napi::Function::New(env, take, "take");
    function.AddFinalizer([](Napi::Env, Batches* data) { delete data; }, rest);
    return function;
}

Napi::Value mounts(Info info) {
    uint32_t size = std::max(1U, info[0].As<Napi::Number>().Uint32Value());
    return promise(
        info.Env(), [size] { return tableInBatches(size); }, takeBatches);
}

// Pure, and short: the only verb that answers at once.
Napi::Value parseMounts(Info info) {
    return Napi::String::New(info.Env(), toJson(parseMountinfo(toBytes(info[0]))));
}

Napi::Value holders(Info info) {
    return promise(
        info.Env(), [path = toBytes(info[0])] { return findHolders(path); }, fromHolders);
}

Napi::Value probeAll(Info info) {
    return promise(
        info.Env(), [] { return Result<Probe>(probe()); }, fromProbe);
}

} // namespace

std::span<const Export> mountVerbs() {
    static constexpr Export verbs[] = {
        {"inspectImage", inspect}, {"mountImage", mount}, {"umount", umount},
        {"attach", attach},        {"detach", detach},    {"statTarget", target},
        {"mounts", mounts},        {"holders", holders},  {"parseMountinfo", parseMounts},
        {"probe", probeAll},
    };
    return verbs;
}

} // namespace ksquash::addon
