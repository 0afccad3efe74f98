// The one way from JavaScript to a system call and back: a promise, and another thread meanwhile. mount(2),
// umount2(2) and LOOP_CONFIGURE may block, so nothing runs on the main thread. Verbs that look, and long
// work, are for libuv's pool, which has four threads; those that wait for a lock are for a thread of their
// own (transactions.h).
#pragma once

#include "values.h"

#include <memory>
#include <utility>

namespace ksquash::addon {

// Work for another thread, and what then becomes of its promise on the main thread.
class Task {
  public:
    Task() = default;
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    virtual ~Task() = default;
    virtual void run() = 0;
    virtual void settle(Napi::Env env) = 0;
};

// `Work` returns a Result<T>; `Convert` makes a JavaScript value of T.
template <class Work, class Convert> class PromiseTask : public Task {
  public:
    // `keep` (a typed array or undefined) stays alive until the work is done.
    PromiseTask(Napi::Env env, Work work, Convert convert, Napi::Value keep)
        : deferred_(Napi::Promise::Deferred::New(env)), work_(std::move(work)), convert_(std::move(convert)) {
        if (!keep.IsEmpty() && keep.IsObject()) {
            keep_ = Napi::Persistent(keep.As<Napi::Object>());
        }
    }
    Napi::Value promised() const { return deferred_.Promise(); }
    void run() override { outcome_.emplace(work_()); }
    void settle(Napi::Env env) override {
        if (*outcome_) {
            deferred_.Resolve(convert_(env, **outcome_));
        } else {
            deferred_.Reject(fromError(env, outcome_->error()));
        }
    }

  private:
    Napi::Promise::Deferred deferred_;
    Work work_;
    Convert convert_;
    std::optional<decltype(std::declval<Work&>()())> outcome_;
    Napi::ObjectReference keep_;
};

// A task on a thread of libuv's pool.
class PoolWorker final : public Napi::AsyncWorker {
  public:
    PoolWorker(Napi::Env env, std::unique_ptr<Task> task) : Napi::AsyncWorker(env), task_(std::move(task)) {}

  protected:
    void Execute() override { task_->run(); }
    void OnOK() override { task_->settle(Env()); }

  private:
    std::unique_ptr<Task> task_;
};

template <class Work, class Convert>
Napi::Value promise(Napi::Env env, Work work, Convert convert, Napi::Value keep = {}) {
    auto task = std::make_unique<PromiseTask<Work, Convert>>(env, std::move(work), std::move(convert), keep);
    Napi::Value promised = task->promised();
    (new PoolWorker(env, std::move(task)))->Queue(); // deletes itself
    return promised;
}

} // namespace ksquash::addon
