// JavaScript values of images, mounts, their table and their holders; see values.h.
#include "values.h"

namespace ksquash::addon {

Napi::Value fromImageInfo(Napi::Env env, ImageInfo& info) {
    const Superblock& sb = info.superblock;
    auto out = Napi::Object::New(env);
    const auto& erofs = info.erofs;
    out["format"] = info.type();
    out["compressor"] = erofs ? erofs->compressor() : sb.compressor();
    out["blockSize"] = number(env, erofs ? uint64_t{1} << erofs->blockBits : sb.blockSize);
    out["fileSize"] = number(env, info.fileSize);
    out["bytesUsed"] = number(env, erofs ? erofs->bytes() : sb.bytesUsed);
    out["inodes"] = number(env, erofs ? erofs->inodes : sb.inodes);
    out["fragments"] = number(env, sb.fragments);
    out["created"] = number(env, erofs ? erofs->created : sb.created);
    out["file"] = info.file.text();
    return out;
}

Napi::Value fromMountResult(Napi::Env env, MountResult& result) {
    auto out = Napi::Object::New(env);
    out["mountId"] = std::to_string(result.mountId);
    out["device"] = result.device;
    out["file"] = result.file.text();
    out["already"] = boolean(env, result.already);
    return out;
}

Napi::Value fromUmountResult(Napi::Env env, UmountResult& result) {
    auto out = Napi::Object::New(env);
    out["stillHeld"] = boolean(env, result.stillHeld);
    return out;
}

Napi::Value fromAttachResult(Napi::Env env, AttachResult& result) {
    auto out = Napi::Object::New(env);
    out["device"] = result.device;
    out["file"] = result.file.text();
    return out;
}

Napi::Value fromDetachResult(Napi::Env env, DetachResult& result) {
    auto out = Napi::Object::New(env);
    out["stillHeld"] = boolean(env, result.stillHeld);
    return out;
}

Napi::Value fromTargetStatus(Napi::Env env, TargetStatus& status) {
    auto out = Napi::Object::New(env);
    out["state"] = stateName(status.state);
    out["deleted"] = boolean(env, status.deleted);
    if (status.mountId != 0) {
        out["mountId"] = std::to_string(status.mountId);
    }
    if (!status.device.empty()) {
        out["device"] = status.device;
    }
    if (status.file) {
        out["file"] = status.file->text();
    }
    if (!status.fstype.empty()) {
        out["fstype"] = status.fstype;
    }
    return out;
}

Napi::Value fromMountChanges(Napi::Env env, const std::vector<MountChange>& changes) {
    auto out = Napi::Array::New(env, changes.size());
    for (uint32_t i = 0; i < changes.size(); ++i) {
        const MountChange& change = changes[i];
        auto entry = Napi::Object::New(env);
        entry["kind"] = kindName(change.kind);
        if (change.id != 0) {
            entry["mountId"] = std::to_string(change.id);
            entry["unique"] = boolean(env, change.unique);
        }
        if (!change.device.empty()) {
            entry["target"] = fromPath(env, change.target);
            entry["fstype"] = forPeople(env, change.fstype);
            entry["device"] = change.device;
        }
        out[i] = entry;
    }
    return out;
}

Napi::Value fromHolders(Napi::Env env, std::vector<Holder>& holders) {
    auto out = Napi::Array::New(env, holders.size());
    for (uint32_t i = 0; i < holders.size(); ++i) {
        Holder& holder = holders[i];
        auto entry = Napi::Object::New(env);
        entry["pid"] = number(env, static_cast<uint64_t>(holder.pid));
        entry["comm"] = forPeople(env, holder.comm);
        entry["uid"] = number(env, holder.uid);
        auto how = Napi::Array::New(env, holder.how.size());
        for (uint32_t j = 0; j < holder.how.size(); ++j) {
            how[j] = heldByName(holder.how[j]);
        }
        entry["how"] = how;
        entry["path"] = forPeople(env, holder.path);
        entry["writes"] = boolean(env, holder.writes);
        out[i] = entry;
    }
    return out;
}

Napi::Value fromProbe(Napi::Env env, Probe& probe) {
    auto out = Napi::Object::New(env);
    out["kernel"] = probe.kernel;
    out["loopControlErrno"] = Napi::Number::New(env, -probe.loopControlErrno);
    out["squashfs"] = boolean(env, probe.squashfs);
    out["erofs"] = boolean(env, probe.erofs);
    out["openat2"] = boolean(env, probe.openat2);
    out["loopConfigure"] = boolean(env, probe.loopConfigure);
    out["mountApi"] = boolean(env, probe.mountApi);
    out["statmount"] = boolean(env, probe.statmount);
    out["renameExchange"] = boolean(env, probe.renameExchange);
    auto capabilities = Napi::Object::New(env);
    capabilities["sysAdmin"] = boolean(env, probe.capabilities.sysAdmin);
    capabilities["dacReadSearch"] = boolean(env, probe.capabilities.dacReadSearch);
    capabilities["dacOverride"] = boolean(env, probe.capabilities.dacOverride);
    capabilities["chown"] = boolean(env, probe.capabilities.chown);
    out["capabilities"] = capabilities;
    out["noNewPrivs"] = boolean(env, probe.noNewPrivs);
    out["initialMountNamespace"] = boolean(env, probe.initialMountNamespace);
    out["inUserNamespace"] = boolean(env, probe.inUserNamespace);
    return out;
}

} // namespace ksquash::addon
