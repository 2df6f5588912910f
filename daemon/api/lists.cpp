#include "api/lists.hpp"

#include "api/paging.hpp"
#include "base/time_text.hpp"

namespace callhook::api {

namespace {

result<page> page_asked(const http::request& whole, std::size_t most) {
    const auto query = http::query_parameters::parse(whole.query);
    if (!query) return query.error();
    if (const auto known = only_known(*query, {"limit", "cursor"}); !known) return known.error();
    return page_of(*query, most);
}

/// `{NAME: items, next_cursor}`.
template <class Rows, class Show>
http::response list_answer(std::string_view name, const Rows& rows, std::size_t limit, Show show) {
    json::object body;
    body.emplace(name, list_of(rows, show));
    body.emplace("next_cursor", next_cursor(rows, limit));
    return http::json_response(200, json::serialize(body));
}

}  // namespace

json::object quarantined_json(const store::quarantined_delivery& d) {
    return {
        {"delivery", to_string(d.id)},
        {"source", d.source},
        {"received_at", to_rfc3339(d.received_at)},
        {"content_type", d.content_type},
        {"size", d.size},
        {"reason", d.reason},
    };
}

boost::asio::awaitable<http::response> messages_endpoint::handle(http::request whole) {
    const auto asked = page_asked(whole, page_limit_);
    if (!asked) co_return refusal(asked.error());
    auto read_page = [p = *asked](store::queries& q) { return q.messages(p.before, p.limit); };
    const auto rows = co_await readers_.run(std::move(read_page));
    if (!rows) co_return refusal(rows.error());
    co_return list_answer("messages", *rows, asked->limit, [](const auto& row) {
        return parse_json(row.record);
    });
}

boost::asio::awaitable<http::response> quarantine_endpoint::handle(http::request whole) {
    const auto asked = page_asked(whole, page_limit_);
    if (!asked) co_return refusal(asked.error());
    auto read_page = [p = *asked](store::queries& q) { return q.quarantine(p.before, p.limit); };
    const auto rows = co_await readers_.run(std::move(read_page));
    if (!rows) co_return refusal(rows.error());
    co_return list_answer("quarantine", *rows, asked->limit, quarantined_json);
}

}  // namespace callhook::api
