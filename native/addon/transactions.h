// A thread for the verbs that take the loop devices' lock, one after another as the lock would have it
// anyway. They may wait ten seconds for it: in libuv's pool four of them would hold up every file access of
// the program. One warm thread that nobody contends for is quicker than the pool, too (bench/mount).
#pragma once

#include "../core/base/threads.h"
#include "verbs.h"

#include <atomic>
#include <deque>
#include <uv.h>
#include <vector>

namespace ksquash::addon {

// A caller's end of a transaction: its array [cancel, begun], and since when it waits.
class Request {
  public:
    explicit Request(int64_t* block) : block_(block) {}
    // Runs the verb, unless the caller has given up before its turn came: it is not told of an end then.
    template <class Verb> auto run(Verb verb) const -> decltype(verb(std::declval<const Control&>())) {
        Control control(block_, asked_);
        if (!control.begin()) {
            return Control::cancelError();
        }
        return verb(control);
    }

  private:
    int64_t* block_;
    long long asked_ = nowMs();
};

// One for each environment, from its first transaction to its end.
class Transactions {
  public:
    explicit Transactions(Napi::Env env);
    Transactions(const Transactions&) = delete;
    Transactions& operator=(const Transactions&) = delete;
    // `block` is the caller's, which the task keeps alive.
    void post(std::unique_ptr<Task> task, int64_t* block);

  private:
    struct Entry {
        std::unique_ptr<Task> task;
        int64_t* block;
    };

    ~Transactions() = default;
    void work();
    void lingerForNext();
    // The oldest that waits, waited for; null when the environment ends.
    std::unique_ptr<Task> next();
    void settle();
    void end();

    Napi::Env env_;
    Napi::AsyncContext context_;
    uv_async_t done_{}; // keeps the event loop going while there is work
    size_t pending_ = 0;
    napi_async_cleanup_hook_handle hook_ = nullptr;
    Mutex mutex_; // for what follows
    Condition wake_;
    std::deque<Entry> waiting_;
    std::vector<std::unique_ptr<Task>> finished_;
    int64_t* running_ = nullptr; // the block of what is done just now
    bool ending_ = false;
    std::atomic<size_t> offered_ = 0;
    size_t taken_ = 0; // the thread's own
    Thread thread_;
    bool alone_ = false; // there is no such thread
};

// The environment's, made at first use.
Transactions& transactions(Napi::Env env);

// `verb` is called with a Control; `array` is the caller's.
template <class Verb, class Convert>
Napi::Value transaction(Napi::Env env, const Napi::Value& array, Verb verb, Convert convert) {
    int64_t* block = controlBlock(array);
    auto work = [verb = std::move(verb), request = Request(block)] { return request.run(verb); };
    auto task = std::make_unique<PromiseTask<decltype(work), Convert>>(env, std::move(work), convert, array);
    Napi::Value promised = task->promised();
    transactions(env).post(std::move(task), block);
    return promised;
}

} // namespace ksquash::addon
