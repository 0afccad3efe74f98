// What one environment (the program, or a worker of its) keeps between calls.
#pragma once

#include "../core/loop/lock.h"

#include <cstdint>
#include <map>

namespace ksquash::addon {

class Transactions;

struct State {
    // Locks that JavaScript holds, by token: a descriptor itself never crosses.
    std::map<uint32_t, FileLock> locks;
    uint32_t lastToken = 0;
    // None before the first transaction.
    Transactions* transactions = nullptr;
};

} // namespace ksquash::addon
