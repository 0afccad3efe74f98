// The module: the verbs of every topic, and the locks that JavaScript holds.
#include "../core/lock.h"
#include "state.h"
#include "verbs.h"

namespace ksquash::addon {

namespace {

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

Napi::Value unlock(Info info) {
    info.Env().GetInstanceData<State>()->locks.erase(info[0].As<Napi::Number>().Uint32Value());
    return info.Env().Undefined();
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
