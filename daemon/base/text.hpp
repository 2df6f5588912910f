#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callhook {

/// Without spaces, tabs and line ends on either side.
std::string_view trim(std::string_view text) noexcept;

std::vector<std::string_view> split(std::string_view text, char separator);

/// ASCII only; HTTP field names and TOML keys need no more.
bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;
std::string to_lower(std::string_view text);

/// The whole of `text` as a decimal integer; nothing on anything else (sign only for signed types).
template <class Integer>
std::optional<Integer> parse_integer(std::string_view text) noexcept {
    Integer value{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size()) return {};
    return value;
}

/// Percent-decoding of one path segment or query part (RFC 3986 section 2.1); `+` becomes a space only where
/// `form` says so. Nothing on a broken escape or a NUL, escaped or not.
std::optional<std::string> percent_decode(std::string_view text, bool form = false);

/// Percent-encodes all but the unreserved characters of RFC 3986.
std::string percent_encode(std::string_view text);

/// Whether the bytes are UTF-8: no overlong form, no surrogate, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

/// With every control character as `\xNN`, but for those in `keep`: what came from outside must not forge a
/// log line or drive a terminal.
std::string escape_controls(std::string_view text, std::string_view keep = "");

/// Standard Base64 (RFC 4648 section 4) with padding; nothing on anything else.
std::optional<std::string> base64_decode(std::string_view text);
std::string base64_encode(std::string_view bytes);

}  // namespace callhook
