// JSON as every part of the program writes it: the add-on's mount table, the helper's answers, the test
// driver's. Text is UTF-8; the quote and the backslash are escaped by a backslash, control characters and DEL
// as \u00XX (RFC 8259).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ksquash {

// Puts the commas itself. Every key is followed by one value.
class JsonWriter {
  public:
    void beginObject() { open('{'); }
    void endObject() { out_ += '}'; }
    void beginArray() { open('['); }
    void endArray() { out_ += ']'; }
    void key(std::string_view name);

    // What is not UTF-8 is written as escapePath does.
    void text(std::string_view value);
    // Each byte as the character of its number: JavaScript makes the bytes of it again.
    void latin1(std::string_view bytes);
    void number(uint64_t value);
    void number(int64_t value);
    void number(int value) { number(static_cast<int64_t>(value)); }
    void number(unsigned value) { number(static_cast<uint64_t>(value)); }
    void boolean(bool value);

    void text(std::string_view name, std::string_view value) {
        key(name);
        text(value);
    }
    template <class Number> void number(std::string_view name, Number value) {
        key(name);
        number(value);
    }
    void boolean(std::string_view name, bool value) {
        key(name);
        boolean(value);
    }

    std::string take() { return std::move(out_); }

  private:
    void separate();
    void open(char bracket) {
        separate();
        out_ += bracket;
    }
    void quote(std::string_view value, bool latin1);

    std::string out_;
};

} // namespace ksquash
