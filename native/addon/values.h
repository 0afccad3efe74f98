// JavaScript values from and to the core's types. Only strings, numbers, booleans, plain objects and bytes
// cross; a path crosses as a string where it is valid UTF-8, else as a Buffer.
#pragma once

#include "../core/capabilities.h"
#include "../core/compare.h"
#include "../core/holders.h"
#include "../core/mount.h"
#include "../core/mountinfo.h"
#include "../core/remove.h"
#include "../core/superblock.h"
#include "../core/target.h"

#include <napi.h>

namespace ksquash::addon {

// From JavaScript: a string or bytes; "" for undefined.
std::string toBytes(const Napi::Value& value);
std::optional<std::string> toOptionalBytes(const Napi::Value& value);
std::optional<FileKey> toOptionalKey(const Napi::Value& value);
std::vector<std::string> toList(const Napi::Value& value);

Napi::Value fromPath(Napi::Env env, const std::string& path);
// An object with errno, syscall, path, …; src/system/native.ts makes the Error of it.
Napi::Value fromError(Napi::Env env, const SysError& error);

Napi::Value fromDone(Napi::Env env, Done& done);
Napi::Value fromPathResult(Napi::Env env, std::string& path);
Napi::Value fromImageInfo(Napi::Env env, ImageInfo& info);
Napi::Value fromMountResult(Napi::Env env, MountResult& result);
Napi::Value fromUmountResult(Napi::Env env, UmountResult& result);
Napi::Value fromTargetStatus(Napi::Env env, TargetStatus& status);
Napi::Value fromMountRows(Napi::Env env, std::vector<MountRow>& rows);
Napi::Value fromTreeList(Napi::Env env, TreeList& list);
Napi::Value fromComparison(Napi::Env env, Comparison& comparison);
Napi::Value fromRemoveResult(Napi::Env env, RemoveResult& result);
Napi::Value fromHolders(Napi::Env env, std::vector<Holder>& holders);
// Paths for people, escaped.
Napi::Value fromEscaped(Napi::Env env, std::vector<std::string>& paths);
Napi::Value fromProbe(Napi::Env env, Probe& probe);

} // namespace ksquash::addon
