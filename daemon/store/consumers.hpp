#pragma once

#include "base/clock.hpp"
#include "store/queries.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace callhook::store {

/// Who moves a consumer's place: a client that acknowledges, or callhook itself on behalf of a publisher.
enum class consumer_kind : std::uint8_t { reader, publisher };

std::string_view to_string(consumer_kind kind) noexcept;

/// How many readers there may be.
inline constexpr std::size_t most_consumers = 1'000;

/// A follower of the feed that is to be remembered: `[a-z0-9][a-z0-9_-]{0,63}`, and where it starts.
struct consumer_draft {
    std::string name{};
    consumer_kind kind = consumer_kind::reader;
    event_filter filter{};
    std::string epoch{};
    std::int64_t position = 0;
};

/// A row of `consumers` and how far it is behind.
struct consumer {
    std::string name{};
    consumer_kind kind = consumer_kind::reader;
    event_filter filter{};
    /// Everything up to here is acknowledged.
    std::string epoch{};
    std::int64_t position = 0;
    /// A publisher's: what `publisher_place` says.
    std::optional<std::int64_t> stream_sequence{};
    utc_time created_at{};
    std::optional<utc_time> acked_at{};
    /// Events of the log after the position, whether the filter takes them or not.
    std::int64_t lag_events = 0;
    /// The age of the first of them.
    std::chrono::milliseconds lag{0};
};

/// How far a publisher is, within its epoch.
struct publisher_place {
    std::int64_t position = 0;
    /// The last sequence of the stream when the position was acknowledged; empty where the stream has not
    /// been looked at yet, or the place was reset.
    std::optional<std::int64_t> stream_sequence{};

    bool operator==(const publisher_place&) const = default;
};

struct made_consumer {
    consumer what{};
    /// Whether it is new; else it was there and has the draft's filter now.
    bool made = false;
};

}  // namespace callhook::store
