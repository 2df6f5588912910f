#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace callhook {

/// Writes JSON at the end of a text as it is told, without building values first. What comes out is what
/// Boost.JSON would serialise, byte for byte: no white space, keys in the order in which they are told, no
/// escape that is not needed. Keys, values and brackets must come as a JSON text has them; that is the
/// caller's business. A key that is told twice is written twice. One thread; `out` must outlive the writer.
class json_writer {
public:
    explicit json_writer(std::string& out) noexcept : out_{out} {}

    void open_object() { open('{'); }
    void close_object() { close('}'); }
    void open_array() { open('['); }
    void close_array() { close(']'); }

    /// The key of the value that comes next.
    void key(std::string_view name);

    /// A string; `value` is UTF-8.
    void text(std::string_view value);
    void number(std::int64_t value);
    void boolean(bool value);
    /// A value that is JSON already, brought into the form that this writer gives. Throws std::exception on
    /// what is no JSON or nested deeper than `parse_json` takes; part of it may be written then.
    void normalised(std::string_view value);
    /// A value that this writer wrote, as it is.
    void written(std::string_view value);

private:
    void open(char bracket);
    void close(char bracket);
    /// Whatever comes next is parted from what stands before it.
    void part();

    std::string& out_;
    bool follows_ = false;  // a value stands before the next one
};

}  // namespace callhook
