// The thread is woken, and wakes the main one, with no mutex held: whoever wakes up never waits for the
// other.
#include "transactions.h"
#include "state.h"

#include <csignal>
#include <sched.h>

namespace ksquash::addon {

namespace {
constexpr long long lingerMicros = 100;
}

Transactions::Transactions(Napi::Env env) : env_(env), context_(env, "ksquash") {
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(env, &loop);
    uv_async_init(loop, &done_,
                  [](uv_async_t* handle) { static_cast<Transactions*>(handle->data)->settle(); });
    done_.data = this;
    uv_unref(reinterpret_cast<uv_handle_t*>(&done_));
    auto hook = [](napi_async_cleanup_hook_handle, void* self) { static_cast<Transactions*>(self)->end(); };
    napi_add_async_cleanup_hook(env, hook, this, &hook_);
    auto body = [](void* self) -> void* {
        static_cast<Transactions*>(self)->work();
        return nullptr;
    };
    alone_ = thread_.start(body, this) != 0;
}

void Transactions::post(std::unique_ptr<Task> task, int64_t* block) {
    if (alone_) { // no thread could be had (RLIMIT_NPROC): the pool's are there
        (new PoolWorker(env_, std::move(task)))->Queue();
        return;
    }
    if (pending_++ == 0) {
        uv_ref(reinterpret_cast<uv_handle_t*>(&done_));
    }
    {
        Locked guard(mutex_);
        waiting_.push_back(Entry{std::move(task), block});
    }
    offered_.fetch_add(1, std::memory_order_release);
    wake_.wakeOne();
}

// The next one of a row is asked for as soon as the last one's promise is settled: for that long this thread
// stays awake, since being woken takes as long as half an unmount (bench/mount).
void Transactions::lingerForNext() {
    long long until = nowMicros() + lingerMicros;
    while (offered_.load(std::memory_order_acquire) == taken_ && nowMicros() < until) {
        sched_yield();
    }
}

void Transactions::work() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr); // signals are the main thread's
    while (std::unique_ptr<Task> task = next()) {
        task->run();
        {
            Locked guard(mutex_);
            running_ = nullptr;
            finished_.push_back(std::move(task));
        }
        uv_async_send(&done_);
        lingerForNext();
    }
}

std::unique_ptr<Task> Transactions::next() {
    Locked guard(mutex_);
    while (!ending_ && waiting_.empty()) {
        wake_.wait(mutex_);
    }
    if (ending_) {
        return nullptr;
    }
    std::unique_ptr<Task> task = std::move(waiting_.front().task);
    running_ = waiting_.front().block;
    waiting_.pop_front();
    ++taken_;
    return task;
}

void Transactions::settle() {
    std::vector<std::unique_ptr<Task>> tasks;
    {
        Locked guard(mutex_);
        tasks.swap(finished_);
    }
    for (const std::unique_ptr<Task>& task : tasks) {
        Napi::HandleScope handles(env_);
        Napi::CallbackScope callback(env_, context_); // its end lets the promise's readers run
        task->settle(env_);
    }
    pending_ -= tasks.size();
    if (pending_ == 0) {
        uv_unref(reinterpret_cast<uv_handle_t*>(&done_));
    }
}

// The environment goes: what has the lock is brought to its end, since half a mount is none; what waits is
// not.
void Transactions::end() {
    {
        Locked guard(mutex_);
        ending_ = true;
        if (running_ != nullptr) {
            Control(running_).cancel();
        }
    }
    wake_.wakeOne();
    thread_.join();
    waiting_.clear();
    finished_.clear();
    uv_close(reinterpret_cast<uv_handle_t*>(&done_), [](uv_handle_t* handle) {
        auto* self = static_cast<Transactions*>(handle->data);
        napi_remove_async_cleanup_hook(self->hook_);
        delete self;
    });
}

Transactions& transactions(Napi::Env env) {
    auto* state = env.GetInstanceData<State>();
    if (state->transactions == nullptr) {
        state->transactions = new Transactions(env); // ends itself with the environment
    }
    return *state->transactions;
}

} // namespace ksquash::addon
