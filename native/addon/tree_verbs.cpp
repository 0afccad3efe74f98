// Trees: listing, comparing, removing, renaming, resolving.
#include "../core/tree/rename.h"
#include "../core/tree/resolve.h"
#include "../core/tree/unsafe_entries.h"
#include "verbs.h"

namespace ksquash::addon {

namespace {

TreeRequest toTreeRequest(const Napi::Value& value) {
    auto object = value.As<Napi::Object>();
    TreeRequest request;
    request.tree = toBytes(object.Get("tree"));
    request.image = toBytes(object.Get("image"));
    request.exclude = toList(object.Get("exclude"));
    Napi::Value jobs = object.Get("jobs");
    request.jobs = jobs.IsNumber() ? jobs.As<Napi::Number>().Uint32Value() : 0;
    Napi::Value content = object.Get("content");
    request.content = !content.IsBoolean() || content.ToBoolean().Value();
    request.subset = object.Get("subset").ToBoolean().Value();
    return request;
}

Napi::Value list(Info info) {
    auto work = [request = toTreeRequest(info[0]), block = controlBlock(info[1])] {
        return listTree(request, Control(block));
    };
    return promise(info.Env(), work, fromTreeList, info[1]);
}

Napi::Value compare(Info info) {
    auto work = [request = toTreeRequest(info[0]), block = controlBlock(info[1])] {
        return compareTree(request, Control(block));
    };
    return promise(info.Env(), work, fromComparison, info[1]);
}

Napi::Value remove(Info info) {
    auto object = info[0].As<Napi::Object>();
    RemoveRequest request{toBytes(object.Get("path")), toOptionalBytes(object.Get("expect")),
                          toList(object.Get("keep")), toOptionalKey(object.Get("top"))};
    auto work = [request = std::move(request), block = controlBlock(info[1])] {
        return removeTree(request, Control(block));
    };
    return promise(info.Env(), work, fromRemoveResult, info[1]);
}

Napi::Value exchange(Info info) {
    auto work = [a = toBytes(info[0]), b = toBytes(info[1])] { return exchangeNames(a, b); };
    return promise(info.Env(), work, fromDone);
}

Napi::Value renameFresh(Info info) {
    auto work = [from = toBytes(info[0]), to = toBytes(info[1])] { return renameNew(from, to); };
    return promise(info.Env(), work, fromDone);
}

Napi::Value resolve(Info info) {
    auto work = [root = toBytes(info[0]), path = toBytes(info[1])] { return resolveInRoot(root, path); };
    return promise(info.Env(), work, fromPathResult);
}

Napi::Value flush(Info info) {
    return promise(
        info.Env(), [path = toBytes(info[0])] { return flushFile(path); }, fromDone);
}

Napi::Value foreign(Info info) {
    auto list = info[2].As<Napi::Array>();
    std::vector<uint32_t> groups;
    for (uint32_t i = 0; i < list.Length(); ++i) {
        groups.push_back(list.Get(i).As<Napi::Number>().Uint32Value());
    }
    auto work = [path = toBytes(info[0]), uid = info[1].As<Napi::Number>().Uint32Value(),
                 groups = std::move(groups)] { return unsafeEntries(path, uid, groups); };
    return promise(info.Env(), work, fromEscaped);
}

Napi::Value acl(Info info) {
    auto convert = [](Napi::Env env, bool& found) -> Napi::Value { return Napi::Boolean::New(env, found); };
    return promise(
        info.Env(), [path = toBytes(info[0])] { return hasAcl(path); }, convert);
}

} // namespace

std::span<const Export> treeVerbs() {
    static constexpr Export verbs[] = {
        {"listTree", list},     {"compareTree", compare},    {"removeTree", remove},
        {"exchange", exchange}, {"renameNew", renameFresh},  {"resolveInRoot", resolve},
        {"flushFile", flush},   {"foreignEntries", foreign}, {"hasAcl", acl},
    };
    return verbs;
}

} // namespace ksquash::addon
