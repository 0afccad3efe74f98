// The thin thread between long work and whoever asked for it: three numbers in shared memory.
// The caller sets the first to stop the work; the work adds to the other two.
#pragma once

#include "sys.h"

#include <atomic>
#include <cstdint>

namespace ksquash {

class Control {
  public:
    Control() = default;
    // `block` holds cancel, entries and bytes, and outlives the work.
    explicit Control(int64_t* block) : block_(block) {}
    bool cancelled() const { return at(0).load(std::memory_order_relaxed) != 0; }
    void addEntries(int64_t count) const { at(1).fetch_add(count, std::memory_order_relaxed); }
    void addBytes(uint64_t count) const {
        at(2).fetch_add(static_cast<int64_t>(count), std::memory_order_relaxed);
    }
    static SysError cancelError() { return makeError(ECANCELED, "", {}, "", "the work was cancelled"); }

  private:
    std::atomic_ref<int64_t> at(size_t index) const { return std::atomic_ref<int64_t>(block_[index]); }
    mutable int64_t own_[3] = {};
    int64_t* block_ = own_;
};

} // namespace ksquash
