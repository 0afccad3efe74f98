// What the parts of the test driver share: a finding on standard output, one JSON object a line.
#pragma once

#include "../core/base/json.h"
#include "../core/base/sys.h"

namespace ksquash::testing {

// {"errno":5,"syscall":"statx","step":"target","reason":"…"}
std::string toJson(const SysError& error);
// The same fields in an object that is open.
void writeError(JsonWriter& out, const SysError& error);

// Mounts and unmounts one image for some seconds beside others that do the same; also in races.cpp: takes and
// frees loop devices without the lock, as a careless program would.
int churn(const std::string& image, const std::string& target, int seconds);
int rival(const std::string& file, int seconds);

} // namespace ksquash::testing
