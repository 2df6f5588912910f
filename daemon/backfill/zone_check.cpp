#include "backfill/zone_check.hpp"

#include <algorithm>
#include <cstddef>

namespace callhook::backfill {

namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

constexpr seconds quarter{15 * 60};
/// No two zones of the world are further apart.
constexpr seconds farthest{26 * 3600};
constexpr std::size_t fewest_arrivals = 5;
constexpr std::ptrdiff_t fewest_contradictions = 3;
constexpr seconds slack{60};

/// To the nearest quarter of an hour.
seconds to_quarter(microseconds time) {
    const auto whole = std::chrono::floor<seconds>(time);
    const auto shifted = whole + quarter / 2;
    return std::chrono::floor<std::chrono::duration<long long, std::ratio<900>>>(shifted);
}

seconds up_to_quarter(microseconds time) {
    return std::chrono::ceil<std::chrono::duration<long long, std::ratio<900>>>(time);
}

seconds down_to_quarter(microseconds time) {
    return std::chrono::floor<std::chrono::duration<long long, std::ratio<900>>>(time);
}

}  // namespace

std::optional<seconds> zone_error_of_arrivals(const std::vector<arrival_sample>& webhooks) {
    if (webhooks.size() < fewest_arrivals) return {};
    std::vector<microseconds> lags;
    lags.reserve(webhooks.size());
    for (const auto& w : webhooks)
        lags.push_back(w.received_at - w.created_at);
    std::sort(lags.begin(), lags.end());
    // The half in the middle: some come late, few come all late by the same.
    const auto low = lags[lags.size() / 4];
    const auto high = lags[lags.size() * 3 / 4];
    if (high - low > seconds{600}) return {};
    const auto error = -to_quarter(lags[lags.size() / 2]);
    if (std::chrono::abs(error) > farthest) return {};
    return error;
}

std::optional<seconds> zone_error_of_filter(
    utc_time from, utc_time to, const std::vector<utc_time>& created_at
) {
    const auto early =
        std::count_if(created_at.begin(), created_at.end(), [&](auto at) { return at < from - slack; });
    const auto late =
        std::count_if(created_at.begin(), created_at.end(), [&](auto at) { return at > to + slack; });
    if (early < fewest_contradictions && late < fewest_contradictions) return seconds{0};
    const auto [first, last] = std::minmax_element(created_at.begin(), created_at.end());
    const auto error = late >= early ? up_to_quarter(*last - to) : down_to_quarter(*first - from);
    // Taken back by the error, all must lie within; and no zone is further off.
    const bool fits = *first - error >= from - quarter && *last - error <= to + quarter;
    if (!fits || std::chrono::abs(error) > farthest) return {};
    return error;
}

bool is_zone_error(std::optional<seconds> error) noexcept {
    return error && std::chrono::abs(*error) >= std::chrono::hours{1};
}

}  // namespace callhook::backfill
