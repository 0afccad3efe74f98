// Rows of the mount table as JSON: V8 makes ten thousand objects of a text four times as fast as one property
// after another through Node-API, and the text is made on the worker's thread.
#pragma once

#include "../core/table/mountinfo.h"

#include <span>

namespace ksquash::addon {

// An array of objects, named as in src/native/mount-types.ts. A path that is not valid UTF-8 is
// {"latin1": "…"}, each byte a character.
std::string toJson(std::span<const MountRow> rows);

} // namespace ksquash::addon
