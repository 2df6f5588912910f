#include "feed/outbound/verdict.hpp"

#include <algorithm>

namespace callhook::feed::outbound {

namespace {

constexpr std::chrono::milliseconds longest_delay = std::chrono::hours{24 * 7};

std::string reason(const receipt& what) {
    if (!what.status) return what.error;
    return "answered " + std::to_string(*what.status);
}

}  // namespace

verdict judge(
    const receipt& what,
    std::size_t attempts,
    const std::vector<std::chrono::milliseconds>& schedule,
    double share
) {
    if (what.status && *what.status >= 200 && *what.status <= 299)
        return {verdict::outcome::delivered, {}, {}};
    auto why = reason(what);
    if (what.status == 410U) return {verdict::outcome::gone, {}, std::move(why)};
    if (attempts >= schedule.size()) return {verdict::outcome::dead, {}, std::move(why)};
    const auto planned =
        static_cast<double>(schedule[attempts].count()) * (0.9 + 0.2 * std::clamp(share, 0.0, 1.0));
    std::chrono::milliseconds delay{static_cast<std::int64_t>(planned)};
    if (what.retry_after) delay = std::max(delay, std::chrono::milliseconds{*what.retry_after});
    return {verdict::outcome::retry, std::min(delay, longest_delay), std::move(why)};
}

}  // namespace callhook::feed::outbound
