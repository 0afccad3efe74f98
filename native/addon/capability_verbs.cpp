// A file's capabilities: what the helper's installation reads and writes.
#include "../core/tree/filecaps.h"
#include "verbs.h"

namespace ksquash::addon {

namespace {

// Sets of capabilities cross as numbers: the highest capability is far below bit 53.
Napi::Value readFileCapabilities(Info info) {
    auto convert = [](Napi::Env env, std::optional<FileCapabilities>& found) -> Napi::Value {
        if (!found) {
            return env.Undefined();
        }
        auto out = Napi::Object::New(env);
        out["permitted"] = Napi::Number::New(env, static_cast<double>(found->permitted));
        out["inheritable"] = Napi::Number::New(env, static_cast<double>(found->inheritable));
        out["effective"] = Napi::Boolean::New(env, found->effective);
        return out;
    };
    return promise(
        info.Env(), [path = toBytes(info[0])] { return fileCapabilities(path); }, convert);
}

Napi::Value writeFileCapabilities(Info info) {
    auto work = [path = toBytes(info[0]),
                 permitted = static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value())] {
        return setFileCapabilities(path, permitted);
    };
    return promise(info.Env(), work, fromDone);
}

} // namespace

std::span<const Export> capabilityVerbs() {
    static constexpr Export verbs[] = {
        {"fileCapabilities", readFileCapabilities},
        {"setFileCapabilities", writeFileCapabilities},
    };
    return verbs;
}

} // namespace ksquash::addon
