// Each watch has a thread of its own, which waits in the core; what it finds is called back on the main
// thread. It ends when told so, or when it fails, or with the environment.
#include "../core/base/threads.h"
#include "verbs.h"

#include <cstdint>
#include <map>
#include <sys/eventfd.h>
#include <unistd.h>

namespace ksquash::addon {

namespace {

using Changes = Result<std::vector<MountChange>>;

struct Opened {
    std::unique_ptr<MountWatcher> watcher;
    UniqueFd stop; // eventfd(2)
};

class Watch {
  public:
    explicit Watch(Opened opened) : opened_(std::move(opened)), token_(enter(this)) {}
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() {
        leave(token_);
        stop();
        thread_.join();
    }

    void start(Napi::ThreadSafeFunction callback) {
        callback_ = std::move(callback);
        auto body = [](void* self) -> void* {
            static_cast<Watch*>(self)->run();
            return nullptr;
        };
        if (int code = thread_.start(body, this); code != 0) {
            auto* error =
                new Changes(makeError(code, "pthread_create", {}, "watch", "no thread could be had"));
            if (callback_.NonBlockingCall(error, deliver) != napi_ok) {
                delete error;
            }
            callback_.Release();
        }
    }
    uint32_t token() const { return token_; }
    const char* way() const { return opened_.watcher->way(); }

    // By number, since JavaScript may ask for an end after the end.
    static void stop(uint32_t token) {
        Locked guard(mutex());
        if (auto found = all().find(token); found != all().end()) {
            found->second->stop();
        }
    }

  private:
    void stop() const {
        uint64_t one = 1;
        // A full counter (EAGAIN) is as good.
        (void)!write(opened_.stop.get(), &one, sizeof(one));
    }

    void run() {
        bool going = true;
        while (going) {
            auto* changes = new Changes(opened_.watcher->wait(opened_.stop.get()));
            going = static_cast<bool>(*changes);
            bool empty = going && (*changes)->empty();
            if (empty || callback_.BlockingCall(changes, deliver) != napi_ok) {
                delete changes;
                going = going && empty; // anything but "ok": the environment is closing
            }
        }
        callback_.Release();
    }

    static void deliver(Napi::Env env, Napi::Function function, Changes* changes) {
        std::unique_ptr<Changes> owned(changes);
        if (env == nullptr || function == nullptr) {
            return; // the environment is closing
        }
        if (*owned) {
            function.Call({env.Null(), fromMountChanges(env, **owned)});
        } else {
            function.Call({fromError(env, owned->error()), env.Undefined()});
        }
    }

    static Mutex& mutex() {
        static Mutex instance;
        return instance;
    }
    static std::map<uint32_t, Watch*>& all() {
        static std::map<uint32_t, Watch*> instance;
        return instance;
    }
    static uint32_t enter(Watch* watch) {
        static uint32_t last = 0;
        Locked guard(mutex());
        all().emplace(++last, watch);
        return last;
    }
    static void leave(uint32_t token) {
        Locked guard(mutex());
        all().erase(token);
    }

    Opened opened_;
    uint32_t token_;
    Napi::ThreadSafeFunction callback_;
    Thread thread_;
};

Result<Opened> openWatch(bool onlyTable) {
    auto watcher = watchMounts(onlyTable);
    if (!watcher) {
        return watcher.error();
    }
    UniqueFd stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!stop) {
        return lastError("eventfd", {}, "watch");
    }
    return Opened{std::move(*watcher), std::move(stop)};
}

} // namespace

Napi::Value watchMountTable(Info info) {
    auto begin = [callback = Napi::Persistent(info[1].As<Napi::Function>())](Napi::Env env, Opened& opened) {
        auto* watch = new Watch(std::move(opened));
        auto finish = [](Napi::Env, Watch* done) { delete done; };
        watch->start(
            Napi::ThreadSafeFunction::New(env, callback.Value(), "ksquash-watch", 0, 1, finish, watch));
        auto out = Napi::Object::New(env);
        out["token"] = Napi::Number::New(env, watch->token());
        out["way"] = watch->way();
        return Napi::Value(out);
    };
    bool onlyTable = info[0].ToBoolean().Value();
    return promise(
        info.Env(), [onlyTable] { return openWatch(onlyTable); }, std::move(begin));
}

Napi::Value stopWatch(Info info) {
    Watch::stop(info[0].As<Napi::Number>().Uint32Value());
    return info.Env().Undefined();
}

} // namespace ksquash::addon
