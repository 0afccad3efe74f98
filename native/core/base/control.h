// The thin thread between work and whoever asked for it: three numbers in shared memory. The caller sets the
// first to stop the work. Long work adds to the other two; a transaction that waits its turn says by the
// second that it has begun.
#pragma once

#include "sys.h"

#include <atomic>
#include <cstdint>

namespace ksquash {

class Control {
  public:
    Control() = default;
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;
    // `block` holds cancel, entries (or begun) and bytes, and outlives the work.
    // `asked` is when the caller came, as nowMs() says it.
    explicit Control(int64_t* block, long long asked = nowMs()) : block_(block), asked_(asked) {}
    bool cancelled() const { return at(0).load(std::memory_order_relaxed) != 0; }
    void cancel() const { at(0).store(1); }
    void addEntries(int64_t count) const { at(1).fetch_add(count, std::memory_order_relaxed); }
    void addBytes(uint64_t count) const {
        at(2).fetch_add(static_cast<int64_t>(count), std::memory_order_relaxed);
    }
    // False when the caller gave up before. Either it sees that the work has begun, or this sees its word.
    bool begin() const {
        at(1).store(1);
        return at(0).load() == 0;
    }
    long long asked() const { return asked_; }
    static SysError cancelError() { return makeError(ECANCELED, "", {}, "", "the work was cancelled"); }

  private:
    std::atomic_ref<int64_t> at(size_t index) const { return std::atomic_ref<int64_t>(block_[index]); }
    mutable int64_t own_[3] = {};
    int64_t* block_ = own_;
    long long asked_ = nowMs();
};

} // namespace ksquash
