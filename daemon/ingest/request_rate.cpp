#include "ingest/request_rate.hpp"

#include <algorithm>

namespace callhook::ingest {

namespace {

constexpr std::chrono::minutes window{1};

}  // namespace

request_rate::request_rate(std::size_t per_minute, std::size_t most_addresses)
    : most_addresses_{std::max<std::size_t>(most_addresses, 1)} {
    if (per_minute > 0) each_ = clock::duration{window} / static_cast<clock::rep>(per_minute);
}

std::optional<std::chrono::seconds> request_rate::take(const http::address_key& who, clock::time_point now) {
    if (each_ == clock::duration{0}) return {};
    auto& asking = find(who, now);
    const auto used = std::max(asking.used_up_to, now) + each_;
    if (used > now + window) return std::chrono::ceil<std::chrono::seconds>(used - now - window);
    asking.used_up_to = used;
    return {};
}

/// The account of an address, the most recent one from now on.
request_rate::account& request_rate::find(const http::address_key& who, clock::time_point now) {
    if (const auto known = by_address_.find(who); known != by_address_.end()) {
        recent_first_.splice(recent_first_.begin(), recent_first_, known->second);
        return recent_first_.front();
    }
    if (by_address_.size() >= most_addresses_) {
        by_address_.erase(recent_first_.back().who);
        recent_first_.pop_back();
    }
    recent_first_.push_front({who, now});
    by_address_.emplace(who, recent_first_.begin());
    return recent_first_.front();
}

}  // namespace callhook::ingest
