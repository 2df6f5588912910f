#include "api/calls.hpp"

#include "api/paging.hpp"
#include "base/log.hpp"
#include "base/phone.hpp"
#include "base/time_text.hpp"
#include "lifecycle/fold.hpp"
#include "records/fact_codec.hpp"
#include "records/record_json.hpp"

namespace callhook::api {

json::object follow_up_json(const store::listed_call& call) {
    json::object out;
    if (call.overdue_at) out.emplace("overdue_at", to_rfc3339(*call.overdue_at));
    out.emplace("never_called_back", call.never_called_back);
    return out;
}

namespace {

/// Which delivery each field came from; nothing for a call whose stored facts cannot be read.
json::object provenance_of(const store::call_details& details) {
    const auto& place = details.call.place;
    try {
        const auto facts = records::read_facts(details.facts, {place.source, place.id});
        return facts.empty() ? json::object{} : records::provenance_json(lifecycle::fold(facts).from);
    } catch (const std::exception&) {
        log::error(
            "the stored facts of a call cannot be read", {{"source", place.source}, {"call", place.id}}
        );
        return {};
    }
}

}  // namespace

json::object call_details_json(const store::call_details& details) {
    json::array timeline;
    for (const auto& entry : details.timeline) {
        timeline.emplace_back(json::object{
            {"delivery", to_string(entry.delivery_id)},
            {"received_at", to_rfc3339(entry.received_at)},
            {"origin", entry.origin},
            {"event", entry.event},
            {"result", entry.result},
        });
    }
    json::array messages;
    for (const auto& record : details.messages)
        messages.emplace_back(parse_json(record));
    return {
        {"call", parse_json(details.call.record)},
        {"follow_up", follow_up_json(details.call)},
        {"provenance", provenance_of(details)},
        {"timeline", std::move(timeline)},
        {"final_at", details.final_at ? json::value(to_rfc3339(*details.final_at)) : json::value{}},
        {"messages", std::move(messages)},
    };
}

calls_endpoint::calls_endpoint(
    store::reader_pool& readers, std::size_t page_limit, std::string default_region
)
    : readers_{readers}, page_limit_{page_limit}, default_region_{std::move(default_region)} {}

result<store::call_query> calls_endpoint::read(const http::request& whole) const {
    const auto query = http::query_parameters::parse(whole.query);
    if (!query) return query.error();
    const auto known =
        only_known(*query, {"status", "widget", "phone", "since", "never_called_back", "limit", "cursor"});
    if (!known) return known.error();
    store::call_query out;
    const auto limit = limit_of(*query, page_limit_);
    if (!limit) return limit.error();
    out.limit = *limit;
    if (const auto status = query->get("status")) {
        if (!lifecycle::phase_of_text(*status)) {
            return error{
                errc::invalid_input,
                "status is one of scheduled, new, in-progress, failed, cancelled, missed, completed",
                ""};
        }
        out.phase = *status;
    }
    if (const auto widget = query->get("widget")) {
        out.widget_id = parse_integer<std::int64_t>(*widget);
        if (!out.widget_id) return error{errc::invalid_input, "widget is a whole number", ""};
    }
    if (const auto phone = query->get("phone")) {
        // An unescaped `+` arrives as a space.
        const std::string text =
            phone->starts_with(' ') ? "+" + std::string{phone->substr(1)} : std::string{*phone};
        out.phone = to_e164(text, default_region_);
        if (!out.phone) return error{errc::invalid_input, "phone cannot be read as a phone number", ""};
    }
    if (const auto since = query->get("since")) {
        out.since = parse_rfc3339(*since);
        if (!out.since) return error{errc::invalid_input, "since is a time like 2026-11-21T07:00:00Z", ""};
    }
    if (const auto flag = query->get("never_called_back")) {
        if (*flag != "true" && *flag != "false")
            return error{errc::invalid_input, "never_called_back is true or false", ""};
        out.never_called_back = *flag == "true";
    }
    if (const auto cursor = query->get("cursor")) {
        const auto parts = unpack(*cursor, 3);
        if (!parts) return parts.error();
        const auto at = parse_rfc3339((*parts)[0]);
        const auto id = parse_integer<std::int64_t>((*parts)[2]);
        if (!at || !id) return error{errc::invalid_input, "cursor is not one that this API gave out", ""};
        out.before = store::call_query::place{*at, (*parts)[1], *id};
    }
    return out;
}

boost::asio::awaitable<http::response> calls_endpoint::handle(http::request whole) {
    const auto query = read(whole);
    if (!query) co_return refusal(query.error());
    auto read_calls = [query = *query](store::queries& q) { return q.calls(query); };
    const auto found = co_await readers_.run(std::move(read_calls));
    if (!found) co_return refusal(found.error());
    json::array calls;
    for (const auto& call : *found) {
        auto item = parse_json(call.record).as_object();
        item.emplace("follow_up", follow_up_json(call));
        calls.emplace_back(std::move(item));
    }
    json::value next;
    if (found->size() == query->limit) {
        const auto& last = found->back().place;
        next = pack({to_rfc3339(last.at), last.source, std::to_string(last.id)});
    }
    co_return http::json_response(
        200, json::serialize(json::object{{"calls", std::move(calls)}, {"next_cursor", std::move(next)}})
    );
}

boost::asio::awaitable<http::response> call_endpoint::handle(http::request whole) {
    const auto id = parse_integer<std::int64_t>(whole.path_parameter("id"));
    if (!id) co_return http::problem(404, "a call's id is a whole number");
    lifecycle::call_key key{std::string{whole.path_parameter("source")}, *id};
    auto read_call = [key](store::queries& q) { return q.call(key); };
    const auto found = co_await readers_.run(std::move(read_call));
    if (!found) co_return refusal(found.error());
    if (!*found) co_return http::problem(404, "no such call is known");
    co_return http::json_response(200, json::serialize(call_details_json(**found)));
}

}  // namespace callhook::api
