#include "feed/outbound/subscription_json.hpp"

#include "base/time_text.hpp"
#include "feed/cursor.hpp"
#include "feed/json_body.hpp"

#include <utility>

namespace callhook::feed::outbound {

namespace {

using std::chrono::milliseconds;

// The ranges of the settings of the same names.
constexpr milliseconds shortest_timeout{100};
constexpr milliseconds longest_timeout = std::chrono::minutes{5};
constexpr milliseconds shortest_step{10};
constexpr milliseconds longest_step = std::chrono::hours{168};
constexpr milliseconds shortest_patience = std::chrono::seconds{1};
constexpr milliseconds longest_patience = std::chrono::hours{2160};
constexpr std::size_t most_steps = 100;

constexpr std::chrono::seconds usual_overlap = std::chrono::hours{24};
constexpr std::chrono::seconds longest_overlap = std::chrono::hours{24 * 30};

error bad(std::string message) {
    return {errc::invalid_input, std::move(message), ""};
}

result<std::optional<milliseconds>> read_time(
    const json::object& body, std::string_view name, milliseconds shortest, milliseconds longest
) {
    const auto number = read_number(body, name, shortest.count(), longest.count());
    if (!number) return number.error();
    return *number ? std::optional{milliseconds{**number}} : std::nullopt;
}

result<std::vector<milliseconds>> read_schedule(const json::object& body) {
    std::vector<milliseconds> out;
    const auto* value = body.if_contains("schedule_ms");
    if (value == nullptr || value->is_null()) return out;
    const auto* steps = value->if_array();
    bool fits = steps != nullptr && !steps->empty() && steps->size() <= most_steps;
    for (std::size_t i = 0; fits && i < steps->size(); ++i) {
        const auto* step = (*steps)[i].if_int64();
        fits = step != nullptr && *step >= shortest_step.count() && *step <= longest_step.count();
        if (fits) out.emplace_back(*step);
    }
    if (fits) return out;
    return bad(
        "schedule_ms is a list of 1 to 100 whole numbers from " + std::to_string(shortest_step.count()) +
        " to " + std::to_string(longest_step.count())
    );
}

json::value optional_json(const std::optional<milliseconds>& time) {
    return time ? json::value(time->count()) : json::value{};
}

json::value optional_json(const std::optional<utc_time>& time) {
    return time ? json::value(to_rfc3339(*time)) : json::value{};
}

}  // namespace

result<subscription_wish> read_subscription_wish(std::string_view text, const target_rules& rules) {
    const auto body = read_object(
        text,
        {"url",
         "mode",
         "types",
         "sources",
         "subjects",
         "widgets",
         "start",
         "timeout_ms",
         "schedule_ms",
         "pause_after_ms"}
    );
    if (!body) return body.error();
    subscription_wish out;

    const auto url = read_text(*body, "url");
    if (!url) return url.error();
    if (!*url) return bad("the body names the url: where events are sent");
    if (const auto checked = check_target_url(**url, rules); !checked) return checked.error();
    out.what.url = **url;

    const auto mode = read_text(*body, "mode");
    if (!mode || (*mode && **mode != "structured" && **mode != "binary"))
        return bad("mode is structured or binary");
    if (*mode) out.what.mode = **mode;

    auto filter = read_filter(*body);
    if (!filter) return filter.error();
    out.what.filter = std::move(*filter);

    const auto start = read_text(*body, "start");
    if (!start || (*start && (*start)->empty())) return bad("start is an event's id, 0 or $");
    if (*start) out.start = **start;

    const auto timeout = read_time(*body, "timeout_ms", shortest_timeout, longest_timeout);
    if (!timeout) return timeout.error();
    out.what.timeout = *timeout;
    auto schedule = read_schedule(*body);
    if (!schedule) return schedule.error();
    out.what.schedule = std::move(*schedule);
    const auto pause_after = read_time(*body, "pause_after_ms", shortest_patience, longest_patience);
    if (!pause_after) return pause_after.error();
    out.what.pause_after = *pause_after;
    return out;
}

result<std::chrono::seconds> read_overlap(std::string_view text) {
    const auto body = read_object(text, {"overlap_seconds"});
    if (!body) return body.error();
    const auto overlap = read_number(*body, "overlap_seconds", 0, longest_overlap.count());
    if (!overlap) return overlap.error();
    return *overlap ? std::chrono::seconds{**overlap} : usual_overlap;
}

result<redrive_range> read_redrive_range(std::string_view text) {
    const auto body = read_object(text, {"from", "to"});
    if (!body) return body.error();
    auto from = read_place(*body, "from");
    if (!from) return from.error();
    auto to = read_place(*body, "to");
    if (!to) return to.error();
    return redrive_range{std::move(*from), std::move(*to)};
}

json::object to_json(const store::subscription& of, bool configured) {
    json::object out{
        {"name", of.what.name},
        {"origin", store::to_string(of.what.origin)},
        {"configured", configured},
        {"url", of.what.url},
        {"mode", of.what.mode},
    };
    add_filter(out, of.what.filter);
    out["timeout_ms"] = optional_json(of.what.timeout);
    out["schedule_ms"] = nullptr;
    if (!of.what.schedule.empty()) {
        json::array steps;
        for (const auto step : of.what.schedule)
            steps.emplace_back(step.count());
        out["schedule_ms"] = std::move(steps);
    }
    out["pause_after_ms"] = optional_json(of.what.pause_after);
    out["state"] = store::to_string(of.state);
    out["reason"] = of.state_reason.empty() ? json::value{} : json::value(of.state_reason);
    out["state_since"] = to_rfc3339(of.state_at);
    out["failing_since"] = optional_json(of.failing_since);
    out["position"] = to_string(cursor{of.epoch, of.position});
    out["lag_events"] = of.lag_events;
    out["lag_seconds"] = std::chrono::duration_cast<std::chrono::seconds>(of.lag).count();
    out["waiting"] = of.waiting;
    out["dead"] = of.dead;
    out["created_at"] = to_rfc3339(of.created_at);
    return out;
}

json::object to_json(const store::outbound_attempt& of, const std::string& epoch) {
    return {
        {"position", to_string(cursor{epoch, of.position})},
        {"attempt", of.attempt},
        {"at", to_rfc3339(of.at)},
        {"duration_ms", of.duration.count()},
        {"status", of.status ? json::value(*of.status) : json::value{}},
        {"error", of.error.empty() ? json::value{} : json::value(of.error)},
        {"response", as_utf8(of.response)},
    };
}

json::object to_json(const store::dead_letter& of, const std::string& epoch) {
    return {
        {"position", to_string(cursor{epoch, of.position})},
        {"source", of.source},
        {"subject", of.subject},
        {"attempts", of.attempts},
        {"dead_at", to_rfc3339(of.dead_at)},
        {"error", of.last_error},
    };
}

}  // namespace callhook::feed::outbound
