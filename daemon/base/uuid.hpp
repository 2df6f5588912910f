#pragma once

#include "base/clock.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace callhook {

/// A UUID as its 16 bytes in network order, so that byte order is PostgreSQL's order too.
struct uuid {
    std::array<std::uint8_t, 16> bytes{};

    auto operator<=>(const uuid&) const = default;
};

/// The canonical 8-4-4-4-12 form in lower case.
std::string to_string(const uuid& id);
/// The same, at the end of a text.
void append(std::string& out, const uuid& id);

/// Reads the canonical form, in either case; nothing else.
std::optional<uuid> parse_uuid(std::string_view text);

/// The moment in a version 7 UUID (RFC 9562 section 5.7), in whole milliseconds.
utc_time time_of(const uuid& id);

/// Makes UUIDs of version 7 (RFC 9562 section 5.7) that rise strictly within one generator, also when the
/// clock stands or steps back (method 1 of section 6.2: the 12 bits of rand_a count within a millisecond).
/// One thread.
class uuid_v7_generator {
public:
    explicit uuid_v7_generator(const clock_source& clock);
    uuid operator()();

private:
    const clock_source& clock_;
    std::mt19937_64 random_;
    std::int64_t last_ms_ = 0;
    std::uint32_t counter_ = 0;
};

}  // namespace callhook
