// A mutex, a condition, a semaphore and worker threads over pthreads. Not <thread> and friends: those
// throw where a thread cannot be made, and their symbols ask for a newer libstdc++ than Node itself does.
#pragma once

#include <pthread.h>
#include <vector>

namespace ksquash {

class Mutex {
  public:
    Mutex() = default;
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;
    ~Mutex() { pthread_mutex_destroy(&raw_); }
    void lock() { pthread_mutex_lock(&raw_); }
    void unlock() { pthread_mutex_unlock(&raw_); }

  private:
    friend class Condition;
    pthread_mutex_t raw_ = PTHREAD_MUTEX_INITIALIZER;
};

class Locked {
  public:
    explicit Locked(Mutex& mutex) : mutex_(mutex) { mutex_.lock(); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    ~Locked() { mutex_.unlock(); }

  private:
    Mutex& mutex_;
};

class Condition {
  public:
    Condition() = default;
    Condition(const Condition&) = delete;
    Condition& operator=(const Condition&) = delete;
    ~Condition() { pthread_cond_destroy(&raw_); }
    void wait(Mutex& mutex) { pthread_cond_wait(&raw_, &mutex.raw_); }
    void wakeOne() { pthread_cond_signal(&raw_); }
    void wakeAll() { pthread_cond_broadcast(&raw_); }

  private:
    pthread_cond_t raw_ = PTHREAD_COND_INITIALIZER;
};

// One thread for one function, or none where no more can be had. Joined at the end, if not before.
class Thread {
  public:
    Thread() = default;
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;
    ~Thread() { join(); }
    // 0 or an errno. `context` must outlive the thread.
    int start(void* (*body)(void*), void* context) {
        int code = pthread_create(&raw_, nullptr, body, context);
        running_ = code == 0;
        return code;
    }
    void join() {
        if (running_) {
            pthread_join(raw_, nullptr);
            running_ = false;
        }
    }

  private:
    pthread_t raw_{};
    bool running_ = false;
};

// Lets at most `places` threads through at a time.
class Semaphore {
  public:
    explicit Semaphore(unsigned places) : places_(places) {}
    void acquire() {
        Locked locked(mutex_);
        while (places_ == 0) {
            free_.wait(mutex_);
        }
        --places_;
    }
    void release() {
        Locked locked(mutex_);
        ++places_;
        free_.wakeAll();
    }

  private:
    Mutex mutex_;
    Condition free_;
    unsigned places_;
};

// Runs `body(context)` on up to `count` further threads; fewer where no more can be had. Joined at the end.
class WorkerThreads {
  public:
    WorkerThreads(unsigned count, void* (*body)(void*), void* context) {
        for (unsigned i = 0; i < count; ++i) {
            pthread_t thread{};
            if (pthread_create(&thread, nullptr, body, context) != 0) {
                break;
            }
            threads_.push_back(thread);
        }
    }
    WorkerThreads(const WorkerThreads&) = delete;
    WorkerThreads& operator=(const WorkerThreads&) = delete;
    ~WorkerThreads() {
        for (pthread_t thread : threads_) {
            pthread_join(thread, nullptr);
        }
    }

  private:
    std::vector<pthread_t> threads_;
};

} // namespace ksquash
