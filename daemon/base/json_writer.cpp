#include "base/json_writer.hpp"

#include "base/escaping.hpp"
#include "base/json.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <array>
#include <charconv>

namespace callhook {

namespace {

/// What follows the backslash for each character that cannot stand for itself; 'u' where only its number will
/// do.
constexpr auto escapes = [] {
    std::array<char, 256> out{};
    for (std::size_t c = 0; c < 0x20; ++c)
        out[c] = 'u';
    out['\b'] = 'b';
    out['\f'] = 'f';
    out['\n'] = 'n';
    out['\r'] = 'r';
    out['\t'] = 't';
    out['"'] = '"';
    out['\\'] = '\\';
    return out;
}();

void escape(std::string& out, std::string_view text) {
    constexpr std::string_view hex = "0123456789abcdef";
    const auto code = [](char c) { return escapes[static_cast<unsigned char>(c)]; };
    const auto write = [&](char c) {
        out += '\\';
        out += code(c);
        if (code(c) != 'u') return;
        out += "00";
        out += hex[static_cast<unsigned char>(c) >> 4];
        out += hex[c & 15];
    };
    append_escaped(
        out, text, [&](char c) { return code(c) != 0; }, write
    );
}

/// What the parser finds goes straight to a writer.
struct copying {
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

    using failure = boost::system::error_code;
    using view = json::string_view;

    explicit copying(json_writer& to) : out{to} {}

    bool on_document_begin(failure&) { return true; }
    bool on_document_end(failure&) { return true; }
    bool on_object_begin(failure&) { return out.open_object(), true; }
    bool on_object_end(std::size_t, failure&) { return out.close_object(), true; }
    bool on_array_begin(failure&) { return out.open_array(), true; }
    bool on_array_end(std::size_t, failure&) { return out.close_array(), true; }
    bool on_key_part(view text, std::size_t, failure&) { return keep(text); }
    bool on_key(view text, std::size_t, failure&) {
        keep(text);
        out.key(whole);
        whole.clear();
        return true;
    }
    bool on_string_part(view text, std::size_t, failure&) { return keep(text); }
    bool on_string(view text, std::size_t, failure&) {
        keep(text);
        out.text(whole);
        whole.clear();
        return true;
    }
    bool on_number_part(view, failure&) { return true; }
    bool on_int64(std::int64_t value, view, failure&) { return out.number(value), true; }
    bool on_uint64(std::uint64_t value, view, failure&) { return rare(value); }
    bool on_double(double value, view, failure&) { return rare(value); }
    bool on_bool(bool value, failure&) { return out.boolean(value), true; }
    bool on_null(failure&) { return out.written("null"), true; }
    bool on_comment_part(view, failure&) { return true; }
    bool on_comment(view, failure&) { return true; }

    bool keep(view text) { return whole.append(text.data(), text.size()), true; }
    bool rare(const json::value& number) { return out.written(json::serialize(number)), true; }

    json_writer& out;
    std::string whole{};  // a key or string, which comes in parts
};

}  // namespace

void json_writer::key(std::string_view name) {
    text(name);
    out_ += ':';
    follows_ = false;
}

void json_writer::text(std::string_view value) {
    part();
    out_ += '"';
    escape(out_, value);
    out_ += '"';
}

void json_writer::number(std::int64_t value) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    part();
    out_.append(digits.data(), end);
}

void json_writer::boolean(bool value) {
    written(value ? "true" : "false");
}

void json_writer::normalised(std::string_view value) {
    json::parse_options how;
    how.max_depth = max_json_depth;
    json::basic_parser<copying> parser{how, *this};
    boost::system::error_code failure;
    const auto read = parser.write_some(false, value.data(), value.size(), failure);
    if (!failure && read < value.size()) failure = json::error::extra_data;
    if (failure) throw boost::system::system_error{failure};
}

void json_writer::written(std::string_view value) {
    part();
    out_ += value;
}

void json_writer::open(char bracket) {
    part();
    out_ += bracket;
    follows_ = false;
}

void json_writer::close(char bracket) {
    out_ += bracket;
    follows_ = true;
}

void json_writer::part() {
    if (follows_) out_ += ',';
    follows_ = true;
}

}  // namespace callhook
