#include "lifecycle/loosened_text.hpp"

#include <charconv>
#include <cstdint>

namespace callhook::lifecycle {

namespace {

/// A number of so many digits in `base`; nothing where there are other characters.
std::optional<std::uint32_t> number(std::string_view digits, int base) {
    std::uint32_t value = 0;
    if (digits.empty()) return {};
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (failure != std::errc{} || end != digits.data() + digits.size()) return {};
    return value;
}

void append_utf8(std::string& out, std::uint32_t c) {
    if (c == 0) return;
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xc0 | (c >> 6));
        out += static_cast<char>(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        out += static_cast<char>(0xe0 | (c >> 12));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
        out += static_cast<char>(0x80 | (c & 0x3f));
    } else {
        out += ' ';
    }
}

/// One thing that is written otherwise: appends what it stands for and says how many bytes it took, or 0.
std::size_t take_escape(std::string_view rest, std::string& out) {
    if (rest[0] == '\\' && rest.size() >= 2) {
        if (rest[1] == 'u') {
            const auto code = rest.size() >= 6 ? number(rest.substr(2, 4), 16) : std::nullopt;
            if (!code) return 0;
            append_utf8(out, *code);
            return 6;
        }
        constexpr std::string_view letters = "bfnrt";
        out += letters.find(rest[1]) != std::string_view::npos ? ' ' : rest[1];
        return 2;
    }
    if (rest[0] == '%' && rest.size() >= 3) {
        const auto code = number(rest.substr(1, 2), 16);
        if (!code) return 0;
        if (*code != 0) out += static_cast<char>(*code);
        return 3;
    }
    if (rest.starts_with("&#")) {
        const auto end = rest.substr(0, 10).find(';');
        if (end == std::string_view::npos || end < 3) return 0;
        const bool hex = rest[2] == 'x' || rest[2] == 'X';
        const auto code = number(rest.substr(hex ? 3 : 2, end - (hex ? 3 : 2)), hex ? 16 : 10);
        if (!code) return 0;
        append_utf8(out, *code);
        return end + 1;
    }
    return 0;
}

/// A character beyond ASCII that stands for a plain one.
std::size_t take_typography(std::string_view rest, std::string& out) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
    if (rest.size() >= 2 && at(0) == 0xc2 &&
        (at(1) == 0xa0 || at(1) == 0xad || at(1) == 0xab || at(1) == 0xbb)) {
        out += ' ';
        return 2;
    }
    if (rest.size() < 3) return 0;
    // U+2000 to U+203F, U+2060, U+2212, U+3000, U+FEFF; then the full-width forms of ASCII.
    const bool space = (at(0) == 0xe2 && at(1) == 0x80) || rest.starts_with("\xe2\x81\xa0") ||
                       rest.starts_with("\xe2\x88\x92") || rest.starts_with("\xe3\x80\x80") ||
                       rest.starts_with("\xef\xbb\xbf");
    if (space) {
        out += ' ';
        return 3;
    }
    if (at(0) == 0xef && at(1) == 0xbc && at(2) >= 0x81) {
        out += static_cast<char>(at(2) - 0x60);
        return 3;
    }
    return 0;
}

}  // namespace

std::optional<std::string> loosened(std::string_view text) {
    constexpr std::string_view plain_ends{"\0\\%&", 4};
    const auto suspicious = [&](char c) {
        return static_cast<unsigned char>(c) >= 0x80 || plain_ends.find(c) != std::string_view::npos;
    };
    std::size_t at = 0;
    while (at < text.size() && !suspicious(text[at]))
        ++at;
    if (at == text.size()) return {};
    std::string out{text.substr(0, at)};
    bool changed = false;
    while (at < text.size()) {
        const auto rest = text.substr(at);
        auto taken = take_escape(rest, out);
        if (taken == 0) taken = take_typography(rest, out);
        if (taken == 0 && rest[0] == '\0') taken = 1;
        changed = changed || taken > 0;
        if (taken == 0) out += rest[0];
        at += taken == 0 ? 1 : taken;
    }
    if (!changed) return {};
    return out;
}

}  // namespace callhook::lifecycle
