#pragma once

#include "base/clock.hpp"
#include "store/backfill_store.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

namespace callhook::backfill {

/// Which zone the vendor's wall-clock times are in is documented nowhere, so it is configured, and measured.
/// An error of the zone is what the configured one adds to an instant that is read from a wall clock: one
/// hour where the true zone is an hour further west. Errors come in quarters of an hour.

/// What the arrival of webhooks tells: they come moments after the call that they tell of was made. Empty
/// where there are fewer than five, or where they came too scattered to tell.
std::optional<std::chrono::seconds> zone_error_of_arrivals(const std::vector<store::arrival>& webhooks);

/// How many of the latest webhooks are enough to tell.
inline constexpr std::size_t zone_sample = 200;

/// What the API's time filter tells: its bounds are instants, so the calls that it gives for [from, to] lie
/// between them. Zero where nothing contradicts, else the least whole hours, or quarters, that explain what
/// does; empty where what contradicts cannot be a zone. Fewer than three calls outside the bounds count as
/// none.
std::optional<std::chrono::seconds> zone_error_of_filter(
    utc_time from, utc_time to, const std::vector<utc_time>& created_at
);

/// Whether it is worth a warning: an hour or more.
bool is_zone_error(std::optional<std::chrono::seconds> error) noexcept;

}  // namespace callhook::backfill
