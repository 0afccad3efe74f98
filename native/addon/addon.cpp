// The module: the verbs of every topic, and the locks that JavaScript holds.
#include "state.h"
#include "verbs.h"

namespace ksquash::addon {

namespace {

// One try: waiting is JavaScript's, which does not keep a thread of the pool for it.
Napi::Value tryLock(Info info) {
    auto keepLock = [](Napi::Env env, FileLock& lock) -> Napi::Value {
        auto* state = env.GetInstanceData<State>();
        state->locks.emplace(++state->lastToken, std::move(lock));
        return Napi::Number::New(env, state->lastToken);
    };
    return promise(
        info.Env(), [path = toBytes(info[0])] { return lockFile(path); }, keepLock);
}

Napi::Value unlock(Info info) {
    auto& locks = info.Env().GetInstanceData<State>()->locks;
    auto held = locks.extract(info[0].As<Napi::Number>().Uint32Value());
    auto give = [held = std::move(held)]() mutable -> Status {
        if (!held.empty()) {
            held.mapped().release();
        }
        return Done{};
    };
    return promise(info.Env(), std::move(give), fromDone);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
    env.SetInstanceData(new State());
    static constexpr Export own[] = {
        {"tryLock", tryLock},
        {"unlock", unlock},
        {"watchMounts", watchMountTable},
        {"stopWatch", stopWatch},
    };
    for (std::span<const Export> topic :
         {mountVerbs(), treeVerbs(), capabilityVerbs(), std::span<const Export>(own)}) {
        for (const auto& [name, verb] : topic) {
            exports[name] = Napi::Function::New(env, verb, name);
        }
    }
    return exports;
}

NODE_API_MODULE(ksquash, init)

} // namespace

} // namespace ksquash::addon
