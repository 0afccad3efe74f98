// What needs no kernel and no Node: SHA-256 in both forms, escaping, JSON, options, stacks that are refused,
// the mount table's parser on torn input, snapshots on torn input. Run under ASan and UBSan by CMake
// (KSQUASH_TESTS, KSQUASH_SANITIZE).
#include "../core/base/json.h"
#include "../core/base/options.h"
#include "../core/compare/entry.h"
#include "../core/image/superblock.h"
#include "../core/mount/transaction.h"
#include "../core/table/mountinfo.h"
#include "../core/tree/snapshot.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace ksquash;

namespace {

int failures = 0;

void check(bool good, const char* what) {
    if (!good) {
        ++failures;
        fprintf(stderr, "failed: %s\n", what);
    }
}

void testSha256() {
    // FIPS 180-4's examples, and a million times "a".
    const std::string million(1000000, 'a');
    const char* long448 = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    for (bool portable : {true, false}) {
        forcePortableSha256(portable);
        check(hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "empty");
        check(hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
              "abc");
        check(hex(sha256(long448)) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
              "448 bits");
        check(hex(sha256(million)) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
              "million");
    }
    // Both forms agree at every length and split.
    std::string data;
    for (size_t i = 0; i < 300; ++i) {
        data += static_cast<char>(i * 131 + 7);
        Digest digests[2];
        for (size_t form = 0; form < 2; ++form) {
            forcePortableSha256(form == 0);
            Sha256 hash;
            hash.update(data.data(), i / 3);
            hash.update(data.data() + i / 3, data.size() - i / 3);
            digests[form] = hash.finish();
        }
        check(digests[0] == digests[1], "portable and fast agree");
    }
}

void testEscaping() {
    check(escapeField("a b\\\n\x7f\xff") == "a\\040b\\134\\012\\177\xff", "escapeField keeps raw bytes");
    check(escapePath("\xc3\xa9\xff\xed\xa0\x80") == "\xc3\xa9\\377\\355\\240\\200", "escapePath");
    check(!isUtf8("\xc0\x80") && !isUtf8("\xf4\x90\x80\x80") && !isUtf8("\xe2\x82") &&
              isUtf8("\xf0\x9f\x90\xa7"),
          "isUtf8");
}

void testOptions() {
    check(!parseOptions("ro,rw"), "rw is refused");
    check(!parseOptions("noatime,strictatime"), "two kinds of atime");
    auto options = parseOptions(",errors=panic,x-a,debug,suid,");
    check(options && options->data() == "errors=panic,debug", "unknown words are the file system's");
}

std::string jsonText(std::string_view value) {
    JsonWriter out;
    out.text(value);
    return out.take();
}

void testJson() {
    check(jsonText("a \"b\" \\c/") == R"("a \"b\" \\c/")", "quote and backslash");
    check(jsonText(std::string_view("\0\t\n\x1f\x7f", 5)) == R"("\u0000\u0009\u000a\u001f\u007f")",
          "controls");
    check(jsonText("\xc3\xa9") == "\"\xc3\xa9\"", "UTF-8 stays");
    check(jsonText("a \xff") == R"("a\\040\\377")", "what is not UTF-8 is escaped as a path");
    JsonWriter bytes;
    bytes.latin1("a\"\xff\x7f\n");
    check(bytes.take() == R"("a\"\u00ff\u007f\u000a")", "bytes as characters");
    JsonWriter out;
    out.beginObject();
    out.key("empty");
    out.beginArray();
    out.endArray();
    out.key("list");
    out.beginArray();
    out.text(",[{:");
    out.number(-1);
    out.beginObject();
    out.endObject();
    out.endArray();
    out.boolean("yes", true);
    out.number("most", ~uint64_t{0});
    out.text("a\"b", "");
    out.endObject();
    check(out.take() ==
              R"({"empty":[],"list":[",[{:",-1,{}],"yes":true,"most":18446744073709551615,"a\"b":""})",
          "commas, nesting and keys");
}

// What is refused before the lock is taken or the target looked at.
class UntouchedHooks final : public MountHooks {
  public:
    Result<int> lock() override { return touched(); }
    Result<UniqueFd> openTarget() override { return touched(); }

  private:
    static SysError touched() {
        check(false, "a stack that is refused touches nothing");
        return makeError(EBUSY, "", {}, "", "");
    }
};

void testStacks() {
    UntouchedHooks hooks;
    MountStack stack;
    stack.target = "/target";
    auto none = mountStack(stack, hooks);
    check(!none && none.error().code == EINVAL && none.error().step == std::string_view("layers"),
          "no layer");
    stack.layers = {ImageLayer{-1, "/a", FileKey{1, 2}}, ImageLayer{-1, "/b", FileKey{1, 3}}};
    auto two = mountStack(stack, hooks);
    check(!two && two.error().code == EOPNOTSUPP && two.error().reason.find("2 images") != std::string::npos,
          "two layers");
    stack.layers.pop_back();
    stack.expect = FileKey{1, 3};
    auto other = mountStack(stack, hooks);
    check(!other && other.error().code == ESTALE && other.error().path == "/a", "another image");
}

// Every prefix and every single flipped byte: no crash, no read beyond (the sanitizers say).
void testTornInput() {
    std::string row = "36 35 7:0 / /a\\040b ro shared:1 - squashfs /dev/loop0 ro\n";
    for (size_t i = 0; i <= row.size(); ++i) {
        (void)parseMountinfo(std::string_view(row).substr(0, i));
        std::string flipped = row;
        if (i < row.size()) {
            flipped[i] = static_cast<char>(flipped[i] ^ 0x20);
        }
        (void)parseMountinfo(flipped);
    }
    std::deque<Entry> entries(2);
    entries[0].path = ".";
    entries[1].path = "a";
    for (Entry& entry : entries) {
        entry.inTree = entry.inImage = true;
    }
    std::string snapshot = writeSnapshot(entries, false);
    auto whole = readSnapshot(snapshot);
    check(whole && whole->size() == 2, "a snapshot comes back");
    for (size_t i = 0; i < snapshot.size(); ++i) {
        (void)readSnapshot(std::string_view(snapshot).substr(0, i));
    }
    std::array<uint8_t, superblockSize> raw{};
    unsigned seed = 1;
    for (int i = 0; i < 100000; ++i) {
        for (uint8_t& byte : raw) {
            byte = static_cast<uint8_t>(rand_r(&seed));
        }
        memcpy(raw.data(), "hsqs", 4);
        Superblock sb;
        check(static_cast<bool>(parseSuperblock(raw, 4096, sb)), "noise is no superblock");
    }
}

} // namespace

int main() {
    testSha256();
    testEscaping();
    testOptions();
    testJson();
    testStacks();
    testTornInput();
    printf("%s\n", failures == 0 ? "core: all tests passed" : "core: FAILED");
    return failures == 0 ? 0 : 1;
}
