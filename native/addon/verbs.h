// The exports by topic; addon.cpp puts them together. Each takes its arguments apart and hands the core's
// verb to the worker. Arguments were checked by src/native/verbs.ts; nothing here decides anything.
#pragma once

#include "worker.h"

namespace ksquash::addon {

using Info = const Napi::CallbackInfo&;
using Verb = Napi::Value (*)(Info);
struct Export {
    const char* name;
    Verb verb;
};

// BigInt64Array [cancel, entries, bytes]; the worker keeps it alive.
inline int64_t* controlBlock(const Napi::Value& value) {
    return value.As<Napi::BigInt64Array>().Data();
}

// mount_verbs.cpp: images, loop devices, mounts, the table.
std::span<const Export> mountVerbs();
// tree_verbs.cpp: listing, comparing, removing, renaming, resolving.
std::span<const Export> treeVerbs();
// capability_verbs.cpp: capabilities of files.
std::span<const Export> capabilityVerbs();

// watch.cpp: watchMounts(onlyTable, callback) and stopWatch(token).
Napi::Value watchMountTable(Info info);
Napi::Value stopWatch(Info info);

} // namespace ksquash::addon
