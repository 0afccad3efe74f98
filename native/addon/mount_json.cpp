// Text and numbers only; how text is escaped is the core's (base/json).
#include "mount_json.h"
#include "../core/base/json.h"

namespace ksquash::addon {

namespace {

void writePath(JsonWriter& out, const char* name, const std::string& value) {
    out.key(name);
    if (isUtf8(value)) {
        out.text(value);
        return;
    }
    out.beginObject();
    out.key("latin1");
    out.latin1(value);
    out.endObject();
}

// Words of the kernel's and of file systems: for people, so always a string.
void writeWords(JsonWriter& out, const char* name, const std::string& value) {
    out.text(name, escapePath(value));
}

void writeRow(JsonWriter& out, const MountRow& row) {
    out.beginObject();
    out.number("id", row.id);
    out.number("parent", row.parent);
    writeWords(out, "device", std::to_string(row.deviceMajor) + ":" + std::to_string(row.deviceMinor));
    writePath(out, "root", row.root);
    writePath(out, "target", row.target);
    writeWords(out, "options", row.options);
    out.key("tags");
    out.beginArray();
    for (const std::string& tag : row.tags) {
        out.text(escapePath(tag));
    }
    out.endArray();
    writeWords(out, "fstype", row.fstype);
    writePath(out, "source", row.source);
    writeWords(out, "superOptions", row.superOptions);
    out.endObject();
}

} // namespace

std::string toJson(std::span<const MountRow> rows) {
    JsonWriter out;
    out.beginArray();
    for (const MountRow& row : rows) {
        writeRow(out, row);
    }
    out.endArray();
    return out.take();
}

} // namespace ksquash::addon
