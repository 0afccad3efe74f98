// The exports: each takes its arguments apart and hands the core's verb to the worker. Arguments were checked
// by src/system/native.ts; nothing here decides anything.
#include "../core/foreign.h"
#include "../core/lock.h"
#include "../core/rename.h"
#include "../core/resolve.h"
#include "worker.h"

#include <map>

namespace ksquash::addon {

namespace {

using Info = const Napi::CallbackInfo&;

// Locks that JavaScript holds, by token: a descriptor itself never crosses.
struct State {
    std::map<uint32_t, UniqueFd> locks;
    uint32_t lastToken = 0;
};

// BigInt64Array [cancel, entries, bytes].
int64_t* controlBlock(const Napi::Value& value) {
    return value.As<Napi::BigInt64Array>().Data();
}

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
    MountRequest request{toBytes(info[0]), toBytes(info[1]), toBytes(info[2]), toOptionalKey(info[3])};
    return promise(
        info.Env(), [request] { return mountImage(request); }, fromMountResult);
}

Napi::Value umount(Info info) {
    auto work = [target = toBytes(info[0]), lazy = info[1].ToBoolean().Value(),
                 expect = toOptionalKey(info[2])] { return umountTarget(target, lazy, expect); };
    return promise(info.Env(), work, fromUmountResult);
}

Napi::Value target(Info info) {
    auto work = [path = toBytes(info[0]), image = toOptionalBytes(info[1])] {
        return statTarget(path, image);
    };
    return promise(info.Env(), work, fromTargetStatus);
}

Napi::Value mounts(Info info) {
    return promise(info.Env(), readMountinfo, fromMountRows);
}

// Pure, and short: the only verb that answers at once.
Napi::Value parseMounts(Info info) {
    auto rows = parseMountinfo(toBytes(info[0]));
    return fromMountRows(info.Env(), rows);
}

TreeRequest toTreeRequest(const Napi::Value& value) {
    auto object = value.As<Napi::Object>();
    TreeRequest request;
    request.tree = toBytes(object.Get("tree"));
    request.image = toBytes(object.Get("image"));
    request.exclude = toList(object.Get("exclude"));
    Napi::Value jobs = object.Get("jobs");
    request.jobs = jobs.IsNumber() ? jobs.As<Napi::Number>().Uint32Value() : 0;
    Napi::Value content = object.Get("content");
    request.content = !content.IsBoolean() || content.ToBoolean().Value();
    request.subset = object.Get("subset").ToBoolean().Value();
    return request;
}

Napi::Value list(Info info) {
    auto work = [request = toTreeRequest(info[0]), block = controlBlock(info[1])] {
        return listTree(request, Control(block));
    };
    return promise(info.Env(), work, fromTreeList, info[1]);
}

Napi::Value compare(Info info) {
    auto work = [request = toTreeRequest(info[0]), block = controlBlock(info[1])] {
        return compareTree(request, Control(block));
    };
    return promise(info.Env(), work, fromComparison, info[1]);
}

Napi::Value remove(Info info) {
    auto object = info[0].As<Napi::Object>();
    RemoveRequest request{toBytes(object.Get("path")), toOptionalBytes(object.Get("expect")),
                          toList(object.Get("keep")), toOptionalKey(object.Get("top"))};
    auto work = [request = std::move(request), block = controlBlock(info[1])] {
        return removeTree(request, Control(block));
    };
    return promise(info.Env(), work, fromRemoveResult, info[1]);
}

Napi::Value exchange(Info info) {
    auto work = [a = toBytes(info[0]), b = toBytes(info[1])] { return exchangeNames(a, b); };
    return promise(info.Env(), work, fromDone);
}

Napi::Value renameFresh(Info info) {
    auto work = [from = toBytes(info[0]), to = toBytes(info[1])] { return renameNew(from, to); };
    return promise(info.Env(), work, fromDone);
}

Napi::Value resolve(Info info) {
    auto work = [root = toBytes(info[0]), path = toBytes(info[1])] { return resolveInRoot(root, path); };
    return promise(info.Env(), work, fromPathResult);
}

Napi::Value flush(Info info) {
    return promise(
        info.Env(), [path = toBytes(info[0])] { return flushFile(path); }, fromDone);
}

Napi::Value holders(Info info) {
    return promise(
        info.Env(), [path = toBytes(info[0])] { return findHolders(path); }, fromHolders);
}

Napi::Value foreign(Info info) {
    auto work = [path = toBytes(info[0]), uid = info[1].As<Napi::Number>().Uint32Value()] {
        return foreignEntries(path, uid);
    };
    return promise(info.Env(), work, fromEscaped);
}

// One try: waiting is JavaScript's, which does not keep a thread of the pool for it.
Napi::Value tryLock(Info info) {
    auto keepLock = [](Napi::Env env, UniqueFd& fd) -> Napi::Value {
        auto* state = env.GetInstanceData<State>();
        state->locks.emplace(++state->lastToken, std::move(fd));
        return Napi::Number::New(env, state->lastToken);
    };
    return promise(
        info.Env(), [path = toBytes(info[0])] { return lockFile(path, 0); }, keepLock);
}

void unlock(Info info) {
    info.Env().GetInstanceData<State>()->locks.erase(info[0].As<Napi::Number>().Uint32Value());
}

Napi::Value probeAll(Info info) {
    return promise(
        info.Env(), [] { return Result<Probe>(probe()); }, fromProbe);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
    env.SetInstanceData(new State());
    const std::pair<const char*, Napi::Value (*)(Info)> verbs[] = {
        {"inspectImage", inspect}, {"mountImage", mount},      {"umount", umount},
        {"statTarget", target},    {"mounts", mounts},         {"parseMountinfo", parseMounts},
        {"listTree", list},        {"compareTree", compare},   {"removeTree", remove},
        {"exchange", exchange},    {"renameNew", renameFresh}, {"resolveInRoot", resolve},
        {"flushFile", flush},      {"holders", holders},       {"foreignEntries", foreign},
        {"tryLock", tryLock},      {"probe", probeAll},
    };
    for (const auto& [name, verb] : verbs) {
        exports[name] = Napi::Function::New(env, verb, name);
    }
    exports["unlock"] = Napi::Function::New(env, unlock, "unlock");
    return exports;
}

NODE_API_MODULE(ksquash, init)

} // namespace

} // namespace ksquash::addon
