#include "feed/consumers/consumer_json.hpp"

#include "base/time_text.hpp"
#include "feed/cursor.hpp"
#include "feed/json_body.hpp"

#include <utility>

namespace callhook::feed::consumers {

result<consumer_wish> read_wish(std::string_view text) {
    const auto body = read_object(text, {"types", "sources", "subjects", "widgets", "start"});
    if (!body) return body.error();
    auto filter = read_filter(*body);
    if (!filter) return filter.error();
    consumer_wish out;
    out.filter = std::move(*filter);
    const auto start = read_text(*body, "start");
    if (!start) return error{errc::invalid_input, "start is an event's id, 0 or $", ""};
    if (*start) out.start = **start;
    return out;
}

result<std::string> read_position(std::string_view text) {
    const auto body = read_object(text, {"position"});
    if (!body) return body.error();
    return read_place(*body, "position");
}

json::object to_json(const store::consumer& of) {
    json::object out{{"name", of.name}, {"kind", store::to_string(of.kind)}};
    add_filter(out, of.filter);
    out["position"] = to_string(cursor{of.epoch, of.position});
    out["lag_events"] = of.lag_events;
    out["lag_seconds"] = std::chrono::duration_cast<std::chrono::seconds>(of.lag).count();
    out["created_at"] = to_rfc3339(of.created_at);
    out["acked_at"] = of.acked_at ? json::value(to_rfc3339(*of.acked_at)) : json::value{};
    return out;
}

}  // namespace callhook::feed::consumers
