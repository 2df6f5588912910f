#pragma once

#include "lifecycle/fold.hpp"

#include <chrono>
#include <string>
#include <utility>

/// Facts of call demo/7, which was ordered at noon.
namespace callhook::backfill {

inline constexpr std::chrono::sys_seconds noon{std::chrono::seconds{1'473'336'000}};

inline lifecycle::local_time at(std::chrono::seconds after_noon) {
    return {"raw" + std::to_string(after_noon.count()), noon + after_noon, std::chrono::seconds{0}};
}

inline lifecycle::call_fields fields(std::string status) {
    lifecycle::call_fields f;
    f.status = std::move(status);
    f.to = lifecycle::phone_number{"+48 1", "+481"};
    f.created_at = at(std::chrono::seconds{0});
    f.widget_id = 3;
    return f;
}

inline lifecycle::call_fact fact(lifecycle::fact_kind kind, lifecycle::call_fields with) {
    return {{"demo", 7}, kind, std::move(with), {}};
}

inline lifecycle::call_fact record(lifecycle::call_fields with) {
    return fact(lifecycle::fact_kind::observed, std::move(with));
}

/// The fact as it came so long after noon.
inline lifecycle::observation seen(lifecycle::call_fact what, std::chrono::seconds after_noon) {
    const auto from = what.kind == lifecycle::fact_kind::observed ? lifecycle::origin::backfill
                                                                  : lifecycle::origin::webhook;
    return {std::move(what), from, utc_time{noon + after_noon}, {}};
}

}  // namespace callhook::backfill
