#pragma once

#include "fuzz/support.hpp"
#include "lifecycle/facts.hpp"

#include <string>
#include <type_traits>

namespace callhook::fuzz {

/// An observation of one call out of bytes, over few values, so that equal, overlapping and conflicting facts
/// all occur. Five bytes or more: kind and origin, time, delivery, status, and the fields, each as place and
/// value until a zero.
inline lifecycle::observation observation_of(input& in) {
    using namespace lifecycle;
    constexpr const char* statuses[] = {
        "new",
        "scheduled",
        "ringing",
        "completed",
        "cancelled",
        "failed",
        "user-failed",
        "manager-failed",
        "odd"};
    constexpr unsigned fields = 46;
    constexpr std::chrono::seconds noon{1'473'336'000};
    observation o;
    o.fact.key = {"demo", 7};
    o.fact.kind = static_cast<fact_kind>(in.below(6));
    o.from = o.fact.kind == fact_kind::observed ? origin::backfill : origin::webhook;
    o.observed_at = utc_time{noon + std::chrono::seconds{in.byte()}};
    o.delivery.bytes[15] = static_cast<std::uint8_t>(in.byte());
    if (const auto status = in.below(std::size(statuses) + 1); status > 0)
        o.fact.fields.status = statuses[status - 1];
    while (const auto place = in.below(fields + 2)) {
        const auto value = in.byte();
        const int n = static_cast<int>(value % 4);
        if (place == fields + 1) {
            o.fact.extra["/data/x" + std::to_string(value / 4 % 3)].text = std::to_string(n);
            continue;
        }
        unsigned at = 0;
        for_each_call_field([&](const char*, auto member, field_rule) {
            if (++at != place) return;
            auto& field = (o.fact.fields.*member).emplace();
            using type = std::remove_reference_t<decltype(field)>;
            if constexpr (std::is_same_v<type, std::string>) {
                field = std::string(static_cast<std::size_t>(n), 'a');
            } else if constexpr (std::is_same_v<type, std::int64_t>) {
                field = n;
            } else if constexpr (std::is_same_v<type, local_time>) {
                field.raw = std::to_string(value);
                if (n == 3) return;
                field.at = std::chrono::sys_seconds{noon + std::chrono::seconds{value}};
                field.offset = std::chrono::hours{2};
                field.fit = static_cast<zone_fit>(n);
            } else if constexpr (std::is_same_v<type, phone_number>) {
                field.raw = std::to_string(n);
                if (n != 0) field.e164 = "+48" + field.raw;
            } else if constexpr (std::is_same_v<type, raw_json>) {
                field.text = std::to_string(n);
            } else {
                field.push_back({n, "l", {}, std::to_string(value)});
            }
        });
    }
    return o;
}

}  // namespace callhook::fuzz
