#include "http/framing.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace callhook::http {

namespace {

using char_table = std::array<bool, 256>;

/// The bytes from the one to the other, both counted.
constexpr char_table table_from(unsigned char first, unsigned char last) {
    char_table table{};
    for (unsigned c = first; c <= last; ++c)
        table[c] = true;
    return table;
}

constexpr char_table with(char_table table, char c, bool allowed) {
    table[static_cast<unsigned char>(c)] = allowed;
    return table;
}

constexpr char_table table_of(std::string_view others) {
    char_table table{};
    for (char c = '0'; c <= '9'; ++c)
        table[static_cast<unsigned char>(c)] = true;
    for (char c = 'a'; c <= 'z'; ++c)
        table[static_cast<unsigned char>(c)] = true;
    for (char c = 'A'; c <= 'Z'; ++c)
        table[static_cast<unsigned char>(c)] = true;
    for (const char c : others)
        table[static_cast<unsigned char>(c)] = true;
    return table;
}

constexpr char_table token_chars = table_of("!#$%&'*+-.^_`|~");
// Reg-names, IP literals and ports; no comma, which joins two hosts in one field.
constexpr char_table host_chars = table_of("-._~%!$&'()*+;=:[]");

constexpr char_table target_chars = with(table_from('!', '~'), '#', false);
constexpr char_table value_chars = with(with(table_from(' ', 0xff), 0x7f, false), '\t', true);

/// To the end in any case: most texts are sound, and to ask after each byte costs more.
bool all_in(const char_table& table, std::string_view text) noexcept {
    bool all = true;
    for (const char c : text)
        all &= table[static_cast<unsigned char>(c)];
    return all;
}

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

std::string_view without_blanks(std::string_view value) noexcept {
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t'))
        value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t'))
        value.remove_suffix(1);
    return value;
}

error refused(const char* why) {
    return error{errc::invalid_input, why};
}

/// Takes the line up to the next CRLF off the front of `rest`.
std::string_view next_line(std::string_view& rest) noexcept {
    const auto end = rest.find("\r\n");
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
    return line;
}

result<bool> check_request_line(std::string_view line) {
    const auto method_end = line.find(' ');
    if (method_end == std::string_view::npos || !is_token(line.substr(0, method_end))) {
        return refused("the request line does not start with a method");
    }
    const auto target_end = line.find(' ', method_end + 1);
    if (target_end == std::string_view::npos) return refused("the request line has no HTTP version");
    const auto target = line.substr(method_end + 1, target_end - method_end - 1);
    const auto version = line.substr(target_end + 1);
    if (version != "HTTP/1.1" && version != "HTTP/1.0")
        return refused("only HTTP/1.0 and HTTP/1.1 are spoken here");
    if (method_end + target.size() > max_request_line) return refused("the request target is too long");
    if (!target.starts_with('/')) return refused("the request target does not start with a slash");
    if (!all_in(target_chars, target)) return refused("the request target holds a forbidden character");
    return version == "HTTP/1.1";
}

/// What the fields seen so far say about framing.
struct framing_fields {
    unsigned hosts = 0;
    unsigned lengths = 0;
    unsigned codings = 0;

    result<void> take(std::string_view name, std::string_view value) {
        if (equals_ignoring_case(name, "host")) {
            if (++hosts > 1) return refused("there is more than one Host");
            if (!all_in(host_chars, value)) return refused("the Host is not valid");
        } else if (equals_ignoring_case(name, "content-length")) {
            if (++lengths > 1) return refused("there is more than one Content-Length");
            if (value.empty() || !std::ranges::all_of(value, is_digit) ||
                !parse_integer<std::uint64_t>(value)) {
                return refused("the Content-Length is not a number");
            }
        } else if (equals_ignoring_case(name, "transfer-encoding")) {
            if (++codings > 1) return refused("there is more than one Transfer-Encoding");
            if (!equals_ignoring_case(value, "chunked"))
                return refused("the only transfer coding known here is chunked");
        }
        return {};
    }

    [[nodiscard]] result<void> judge(bool version_11) const {
        if (version_11 && hosts == 0) return refused("there is no Host");
        if (codings > 0 && lengths > 0)
            return refused("there is both a Transfer-Encoding and a Content-Length");
        if (codings > 0 && !version_11) return refused("HTTP/1.0 has no Transfer-Encoding");
        return {};
    }
};

}  // namespace

bool is_token(std::string_view text) noexcept {
    return !text.empty() && all_in(token_chars, text);
}

bool is_field_value(std::string_view text) noexcept {
    return all_in(value_chars, text);
}

result<void> check_framing(std::string_view raw_head) {
    if (!raw_head.ends_with("\r\n\r\n")) return refused("the header section does not end");
    auto rest = raw_head.substr(0, raw_head.size() - 2);
    const auto version_11 = check_request_line(next_line(rest));
    if (version_11.has_error()) return version_11.error();

    framing_fields seen;
    std::size_t count = 0;
    while (!rest.empty()) {
        const auto line = next_line(rest);
        if (line.empty()) return refused("the header section has an empty line inside");
        if (++count > max_fields) return refused("there are too many header fields");
        const auto colon = line.find(':');
        // A name that is no token covers folded lines and blanks before the colon.
        if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
            return refused("a header line does not start with a field name and a colon");
        }
        const auto value = line.substr(colon + 1);
        if (!is_field_value(value)) return refused("a header field holds a control character");
        if (auto taken = seen.take(line.substr(0, colon), without_blanks(value)); taken.has_error())
            return taken;
    }
    return seen.judge(*version_11);
}

head_progress head_scanner::scan(std::string_view received) noexcept {
    if (received.empty()) return head_progress::partial;
    // A TLS hello, a PROXY v2 preface or plain noise: say no at the first byte.
    if (!token_chars[static_cast<unsigned char>(received.front())]) return head_progress::malformed;
    for (;;) {
        const auto feed = received.find('\n', position);
        if (feed == std::string_view::npos) {
            position = received.size();
            return head_progress::partial;
        }
        if (feed == 0 || received[feed - 1] != '\r') return head_progress::malformed;
        position = feed + 1;
        if (feed >= 3 && received[feed - 2] == '\n' && received[feed - 3] == '\r')
            return head_progress::whole;
    }
}

}  // namespace callhook::http
