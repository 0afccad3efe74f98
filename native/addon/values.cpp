// One function a type, field by field; names are those of src/native/types.ts.
#include "values.h"

namespace ksquash::addon {

std::string toBytes(const Napi::Value& value) {
    if (value.IsTypedArray()) {
        auto bytes = value.As<Napi::Uint8Array>();
        return std::string(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength());
    }
    return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

std::optional<std::string> toOptionalBytes(const Napi::Value& value) {
    return value.IsUndefined() ? std::nullopt : std::optional(toBytes(value));
}

std::optional<FileKey> toOptionalKey(const Napi::Value& value) {
    FileKey key;
    if (value.IsUndefined()) {
        return std::nullopt;
    }
    // What is no identity equals no file.
    return parseFileKey(toBytes(value), key) ? key : FileKey{};
}

std::vector<std::string> toList(const Napi::Value& value) {
    std::vector<std::string> out;
    if (value.IsArray()) {
        auto array = value.As<Napi::Array>();
        for (uint32_t i = 0; i < array.Length(); ++i) {
            out.push_back(toBytes(array.Get(i)));
        }
    }
    return out;
}

Napi::Value fromPath(Napi::Env env, const std::string& path) {
    if (isUtf8(path)) {
        return Napi::String::New(env, path);
    }
    return Napi::Buffer<char>::Copy(env, path.data(), path.size());
}

Napi::Value fromError(Napi::Env env, const SysError& error) {
    auto out = Napi::Object::New(env);
    out["errno"] = Napi::Number::New(env, -error.code);
    out["syscall"] = Napi::String::New(env, error.syscall);
    auto words = [&](const char* name, const std::string& text) {
        if (!text.empty()) {
            out[name] = Napi::String::New(env, text);
        }
    };
    words("path", escapePath(error.path));
    words("dest", escapePath(error.dest));
    words("step", error.step);
    words("kind", kindName(error.kind));
    words("kernelLog", error.kernelLog);
    words("reason", error.reason);
    return out;
}

namespace {

Napi::Value bytes(Napi::Env env, const std::string& data) {
    return Napi::Buffer<char>::Copy(env, data.data(), data.size());
}

} // namespace

Napi::Value fromDone(Napi::Env env, Done& /*done*/) {
    return env.Undefined();
}

Napi::Value fromPathResult(Napi::Env env, std::string& path) {
    return fromPath(env, path);
}

Napi::Value fromTreeList(Napi::Env env, TreeList& list) {
    auto out = Napi::Object::New(env);
    out["entries"] = number(env, list.entries);
    out["bytes"] = number(env, list.bytes);
    out["list"] = bytes(env, list.list);
    out["snapshot"] = bytes(env, list.snapshot);
    return out;
}

Napi::Value fromComparison(Napi::Env env, Comparison& comparison) {
    auto out = fromTreeList(env, comparison.list).As<Napi::Object>();
    auto differences = Napi::Array::New(env, comparison.differences.size());
    for (uint32_t i = 0; i < comparison.differences.size(); ++i) {
        auto difference = Napi::Object::New(env);
        difference["path"] = forPeople(env, comparison.differences[i].path);
        difference["what"] = Napi::String::New(env, differenceText(comparison.differences[i]));
        difference["kind"] = kindName(comparison.differences[i].kind);
        differences[i] = difference;
    }
    out["differences"] = differences;
    out["differenceCount"] = number(env, comparison.differenceCount);
    out["snapshot"] = bytes(env, comparison.snapshot);
    return out;
}

Napi::Value fromEscaped(Napi::Env env, std::vector<std::string>& paths) {
    auto out = Napi::Array::New(env, paths.size());
    for (uint32_t i = 0; i < paths.size(); ++i) {
        out[i] = forPeople(env, paths[i]);
    }
    return out;
}

Napi::Value fromRemoveResult(Napi::Env env, RemoveResult& result) {
    auto out = Napi::Object::New(env);
    out["removed"] = number(env, result.removed);
    out["kept"] = fromEscaped(env, result.kept);
    out["keptCount"] = number(env, result.keptCount);
    out["spared"] = number(env, result.spared);
    return out;
}

} // namespace ksquash::addon
