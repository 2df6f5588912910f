#pragma once

// PostgreSQL's binary COPY format ("COPY", section "Binary Format", of its manual), as far as `deliveries`
// needs it.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace callhook::bench {

using uuid_bytes = std::array<char, 16>;

/// Rows of one COPY, in network byte order.
class binary_rows {
public:
    binary_rows() : text_{"PGCOPY\n\377\r\n\0", 11} {
        integer<std::int32_t>(0);
        integer<std::int32_t>(0);
    }

    void row(std::int16_t fields) { integer(fields); }
    void null() { integer<std::int32_t>(-1); }
    void bytes(std::string_view value) {
        integer(static_cast<std::int32_t>(value.size()));
        text_ += value;
    }
    void uuid(const uuid_bytes& value) { bytes({value.data(), value.size()}); }
    /// Microseconds since the Unix epoch.
    void moment(std::int64_t unix_microseconds) {
        constexpr std::int64_t year_2000 = 946'684'800'000'000;
        integer<std::int32_t>(8);
        integer(unix_microseconds - year_2000);
    }
    /// 127.0.0.1 as inet.
    void loopback() { bytes({"\2\40\0\4\177\0\0\1", 8}); }
    void end() { integer<std::int16_t>(-1); }

    [[nodiscard]] const std::string& text() const { return text_; }

private:
    template <class Integer>
    void integer(Integer value) {
        for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8)
            text_ += static_cast<char>(static_cast<std::uint64_t>(value) >> shift & 0xff);
    }

    std::string text_;
};

/// The UUID of version 7 of a moment and a number below 2^62: they rise with both.
inline uuid_bytes make_uuid(std::int64_t unix_milliseconds, std::uint64_t number) {
    uuid_bytes out{};
    for (int at = 0; at < 6; ++at)
        out[static_cast<std::size_t>(at)] = static_cast<char>(unix_milliseconds >> (40 - 8 * at) & 0xff);
    out[6] = 0x70;
    for (std::size_t at = 8; at < 16; ++at)
        out[at] = static_cast<char>(number >> (56 - 8 * (at - 8)) & 0xff);
    out[8] = static_cast<char>((static_cast<unsigned char>(out[8]) & 0x3f) | 0x80);
    return out;
}

}  // namespace callhook::bench
