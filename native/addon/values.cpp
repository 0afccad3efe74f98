// One function a type, field by field; names are those of src/system/native-types.ts.
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
    words("kernelLog", error.kernelLog);
    words("reason", error.reason);
    return out;
}

namespace {

Napi::Value bytes(Napi::Env env, const std::string& data) {
    return Napi::Buffer<char>::Copy(env, data.data(), data.size());
}

Napi::Value number(Napi::Env env, uint64_t value) {
    return Napi::Number::New(env, static_cast<double>(value));
}

Napi::Value boolean(Napi::Env env, bool value) {
    return Napi::Boolean::New(env, value);
}

// A path that only people read: a string always.
Napi::Value forPeople(Napi::Env env, const std::string& path) {
    return Napi::String::New(env, escapePath(path));
}

} // namespace

Napi::Value fromDone(Napi::Env env, Done& /*done*/) {
    return env.Undefined();
}

Napi::Value fromPathResult(Napi::Env env, std::string& path) {
    return fromPath(env, path);
}

Napi::Value fromImageInfo(Napi::Env env, ImageInfo& info) {
    const Superblock& sb = info.superblock;
    auto out = Napi::Object::New(env);
    out["format"] = "squashfs";
    out["compressor"] = sb.compressor();
    out["blockSize"] = number(env, sb.blockSize);
    out["fileSize"] = number(env, info.fileSize);
    out["bytesUsed"] = number(env, sb.bytesUsed);
    out["inodes"] = number(env, sb.inodes);
    out["fragments"] = number(env, sb.fragments);
    out["created"] = number(env, sb.created);
    out["file"] = info.file.text();
    return out;
}

Napi::Value fromMountResult(Napi::Env env, MountResult& result) {
    auto out = Napi::Object::New(env);
    out["mountId"] = std::to_string(result.mountId);
    out["device"] = result.device;
    out["file"] = result.file.text();
    out["already"] = boolean(env, result.already);
    return out;
}

Napi::Value fromUmountResult(Napi::Env env, UmountResult& result) {
    auto out = Napi::Object::New(env);
    out["stillHeld"] = boolean(env, result.stillHeld);
    return out;
}

Napi::Value fromTargetStatus(Napi::Env env, TargetStatus& status) {
    auto out = Napi::Object::New(env);
    out["state"] = stateName(status.state);
    out["deleted"] = boolean(env, status.deleted);
    if (status.mountId != 0) {
        out["mountId"] = std::to_string(status.mountId);
    }
    if (!status.device.empty()) {
        out["device"] = status.device;
    }
    if (status.file) {
        out["file"] = status.file->text();
    }
    if (!status.fstype.empty()) {
        out["fstype"] = status.fstype;
    }
    return out;
}

Napi::Value fromMountRows(Napi::Env env, std::vector<MountRow>& rows) {
    auto out = Napi::Array::New(env, rows.size());
    for (uint32_t i = 0; i < rows.size(); ++i) {
        const MountRow& row = rows[i];
        auto entry = Napi::Object::New(env);
        entry["id"] = number(env, row.id);
        entry["parent"] = number(env, row.parent);
        entry["device"] = std::to_string(row.deviceMajor) + ":" + std::to_string(row.deviceMinor);
        entry["root"] = fromPath(env, row.root);
        entry["target"] = fromPath(env, row.target);
        entry["options"] = escapePath(row.options);
        auto tags = Napi::Array::New(env, row.tags.size());
        for (uint32_t j = 0; j < row.tags.size(); ++j) {
            tags[j] = escapePath(row.tags[j]);
        }
        entry["tags"] = tags;
        entry["fstype"] = escapePath(row.fstype);
        entry["source"] = fromPath(env, row.source);
        entry["superOptions"] = forPeople(env, row.superOptions);
        out[i] = entry;
    }
    return out;
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
        difference["what"] = Napi::String::New(env, comparison.differences[i].what);
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
    return out;
}

Napi::Value fromHolders(Napi::Env env, std::vector<Holder>& holders) {
    auto out = Napi::Array::New(env, holders.size());
    for (uint32_t i = 0; i < holders.size(); ++i) {
        Holder& holder = holders[i];
        auto entry = Napi::Object::New(env);
        entry["pid"] = number(env, static_cast<uint64_t>(holder.pid));
        entry["comm"] = forPeople(env, holder.comm);
        entry["uid"] = number(env, holder.uid);
        entry["how"] = fromEscaped(env, holder.how);
        entry["path"] = forPeople(env, holder.path);
        entry["writes"] = boolean(env, holder.writes);
        out[i] = entry;
    }
    return out;
}

Napi::Value fromProbe(Napi::Env env, Probe& probe) {
    auto out = Napi::Object::New(env);
    out["kernel"] = probe.kernel;
    out["loopControlErrno"] = Napi::Number::New(env, -probe.loopControlErrno);
    out["squashfs"] = boolean(env, probe.squashfs);
    out["erofs"] = boolean(env, probe.erofs);
    out["openat2"] = boolean(env, probe.openat2);
    out["loopConfigure"] = boolean(env, probe.loopConfigure);
    out["mountApi"] = boolean(env, probe.mountApi);
    out["statmount"] = boolean(env, probe.statmount);
    out["renameExchange"] = boolean(env, probe.renameExchange);
    auto capabilities = Napi::Object::New(env);
    capabilities["sysAdmin"] = boolean(env, probe.capabilities.sysAdmin);
    capabilities["dacReadSearch"] = boolean(env, probe.capabilities.dacReadSearch);
    capabilities["dacOverride"] = boolean(env, probe.capabilities.dacOverride);
    capabilities["chown"] = boolean(env, probe.capabilities.chown);
    out["capabilities"] = capabilities;
    out["noNewPrivs"] = boolean(env, probe.noNewPrivs);
    out["initialMountNamespace"] = boolean(env, probe.initialMountNamespace);
    return out;
}

} // namespace ksquash::addon
