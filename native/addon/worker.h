// The one way from JavaScript to a system call and back: a promise, and a thread of libuv's pool meanwhile.
// mount(2), umount2(2) and LOOP_CONFIGURE may block, so nothing runs on the main thread. Nothing waits for
// long here either: the pool has four threads.
#pragma once

#include "values.h"

#include <utility>

namespace ksquash::addon {

// `Work` returns a Result<T>; `Convert` makes a JavaScript value of T.
template <class Work, class Convert> class PromiseWorker final : public Napi::AsyncWorker {
    using Outcome = decltype(std::declval<Work&>()());

  public:
    // `keep` (a typed array or undefined) stays alive until the work is done.
    static Napi::Value start(Napi::Env env, Work work, Convert convert, Napi::Value keep = {}) {
        auto* worker = new PromiseWorker(env, std::move(work), std::move(convert)); // deletes itself
        if (!keep.IsEmpty() && keep.IsObject()) {
            worker->keep_ = Napi::Persistent(keep.As<Napi::Object>());
        }
        worker->Queue();
        return worker->deferred_.Promise();
    }

  protected:
    void Execute() override { outcome_.emplace(work_()); }
    void OnOK() override {
        if (*outcome_) {
            deferred_.Resolve(convert_(Env(), **outcome_));
        } else {
            deferred_.Reject(fromError(Env(), outcome_->error()));
        }
    }

  private:
    PromiseWorker(Napi::Env env, Work work, Convert convert)
        : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), work_(std::move(work)),
          convert_(std::move(convert)) {}

    Napi::Promise::Deferred deferred_;
    Work work_;
    Convert convert_;
    std::optional<Outcome> outcome_;
    Napi::ObjectReference keep_;
};

template <class Work, class Convert>
Napi::Value promise(Napi::Env env, Work work, Convert convert, Napi::Value keep = {}) {
    return PromiseWorker<Work, Convert>::start(env, std::move(work), std::move(convert), keep);
}

} // namespace ksquash::addon
