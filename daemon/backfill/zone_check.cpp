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

/// The least multiple of `step` that is as far from zero as `bound`: a bound is all that a filter tells, and
/// most zones are whole hours apart.
seconds whole(microseconds bound, seconds step) {
    const auto size = std::chrono::abs(bound);
    const auto steps = (size + step - microseconds{1}) / step;
    return bound < microseconds{0} ? -step * steps : step * steps;
}

}  // namespace

std::optional<seconds> zone_error_of_arrivals(const std::vector<store::arrival>& webhooks) {
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
    const auto bound = late >= early ? *last - to : *first - from;
    for (const auto error : {whole(bound, std::chrono::hours{1}), whole(bound, quarter)}) {
        // Taken back by the error, all must lie within; and no zone is further off.
        const bool fits = *first - error >= from - slack && *last - error <= to + slack;
        if (fits && std::chrono::abs(error) <= farthest) return error;
    }
    return {};
}

bool is_zone_error(std::optional<seconds> error) noexcept {
    return error && std::chrono::abs(*error) >= std::chrono::hours{1};
}

}  // namespace callhook::backfill
