// The policy text: who may mount which images where. Strict: one wrong line refuses all of it.
// Pure and without heap: the rules are views into the text. Leaves the file itself to trusted_paths.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ksquash::helper {

constexpr size_t maxPolicySize = size_t{64} * 1024;
constexpr size_t maxRules = 16;
constexpr size_t maxIds = 64;
constexpr uint64_t unlimited = ~uint64_t{0};

struct Ids {
    std::array<uint32_t, maxIds> ids{};
    size_t count = 0;
    bool has(uint32_t id) const;
};

struct Rule {
    std::string_view name;
    std::string_view images;      // absolute; NAME + suffix below it is an image
    std::string_view suffix;      // ".sqfs"
    std::string_view prefix;      // what NAME must begin with; may be empty
    std::string_view mountpoints; // absolute; NAME below it is the mount point
    Ids uids;
    Ids gids;
    bool umount = false;
    uint64_t maxMounts = unlimited;
    uint64_t maxSize = unlimited;
};

struct Policy {
    std::array<Rule, maxRules> rules;
    size_t count = 0;
    std::span<const Rule> all() const { return {rules.data(), count}; }
};

struct PolicyError {
    unsigned line = 0; // 0: the text as a whole
    const char* reason = nullptr;
};

// nullptr reason: the text is good, and `out` has its rules. `text` must outlive `out`.
PolicyError parsePolicy(std::string_view text, Policy& out);

// [A-Za-z0-9][A-Za-z0-9._+-]{0,199}
bool isName(std::string_view text);
// May this user (real uid, and any of these groups) use the rule? Root may use every rule.
bool permits(const Rule& rule, uint32_t uid, std::span<const uint32_t> groups);

} // namespace ksquash::helper
