// JavaScript values from and to the core's types. Only strings, numbers, booleans, plain objects and bytes
// cross; a path crosses as a string where it is valid UTF-8, else as a Buffer.
#pragma once

#include "../core/base/capabilities.h"
#include "../core/compare/compare.h"
#include "../core/image/superblock.h"
#include "../core/loop/attach.h"
#include "../core/mount/holders.h"
#include "../core/mount/mount.h"
#include "../core/mount/mount_status.h"
#include "../core/table/mountinfo.h"
#include "../core/tree/remove.h"
#include "../core/watch/watch.h"

#include <napi.h>

namespace ksquash::addon {

// From JavaScript: a string or bytes; "" for undefined.
std::string toBytes(const Napi::Value& value);
std::optional<std::string> toOptionalBytes(const Napi::Value& value);
std::optional<FileKey> toOptionalKey(const Napi::Value& value);
std::vector<std::string> toList(const Napi::Value& value);

Napi::Value fromPath(Napi::Env env, const std::string& path);
// An object with errno, syscall, path, …; src/native/verbs.ts makes the Error of it.
Napi::Value fromError(Napi::Env env, const SysError& error);

inline Napi::Value number(Napi::Env env, uint64_t value) {
    return Napi::Number::New(env, static_cast<double>(value));
}
inline Napi::Value boolean(Napi::Env env, bool value) {
    return Napi::Boolean::New(env, value);
}
// A path that only people read: a string always.
inline Napi::Value forPeople(Napi::Env env, const std::string& path) {
    return Napi::String::New(env, escapePath(path));
}

Napi::Value fromDone(Napi::Env env, Done& done);
Napi::Value fromPathResult(Napi::Env env, std::string& path);
Napi::Value fromImageInfo(Napi::Env env, ImageInfo& info);
Napi::Value fromMountResult(Napi::Env env, MountResult& result);
Napi::Value fromUmountResult(Napi::Env env, UmountResult& result);
Napi::Value fromTargetStatus(Napi::Env env, TargetStatus& status);
Napi::Value fromAttachResult(Napi::Env env, AttachResult& result);
Napi::Value fromDetachResult(Napi::Env env, DetachResult& result);
Napi::Value fromMountChanges(Napi::Env env, const std::vector<MountChange>& changes);
Napi::Value fromTreeList(Napi::Env env, TreeList& list);
Napi::Value fromComparison(Napi::Env env, Comparison& comparison);
Napi::Value fromRemoveResult(Napi::Env env, RemoveResult& result);
Napi::Value fromHolders(Napi::Env env, std::vector<Holder>& holders);
// Paths for people, escaped.
Napi::Value fromEscaped(Napi::Env env, std::vector<std::string>& paths);
Napi::Value fromProbe(Napi::Env env, Probe& probe);

} // namespace ksquash::addon
