#include "feed/outbound/subscription_endpoints.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "feed/feed_request.hpp"
#include "feed/json_body.hpp"
#include "feed/outbound/standard_webhooks.hpp"
#include "feed/outbound/subscription_json.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace callhook::feed::outbound {

namespace asio = boost::asio;

namespace {

using answering = asio::awaitable<http::response>;
using shared_parts = std::shared_ptr<const subscription_parts>;

constexpr std::size_t usual_limit = 100;

error unknown_subscription() {
    return {errc::not_found, "there is no subscription of this name", ""};
}

result<store::subscription> known(std::optional<store::subscription> found) {
    if (!found) return unknown_subscription();
    return std::move(*found);
}

bool is_configured(const subscription_parts& parts, std::string_view name) {
    return parts.configured.contains(name);
}

json::object shown(const subscription_parts& parts, const store::subscription& one) {
    return to_json(one, is_configured(parts, one.what.name));
}

http::response answer(json::object body, unsigned status = 200) {
    return http::json_response(status, json::serialize(body));
}

/// What has been done, for the log and for whoever works on the subscription.
void tell(const subscription_parts& parts, const std::string& name, const char* what) {
    log::info("a subscription was changed", {{"subscription", name}, {"change", what}});
    parts.changed();
}

/// The answer after a change: the subscription as it is now.
http::response changed(
    const subscription_parts& parts, const char* what, const result<store::subscription>& now
) {
    if (!now) return feed_refusal(now.error());
    tell(parts, now->what.name, what);
    return answer(shown(parts, *now));
}

/// An event's id of the log's epoch, also one that has expired: what was tried may be older than the log.
result<std::int64_t> position_of(std::string_view id, const store::feed_head& head) {
    auto all = head;
    all.floor = 0;
    const auto at = resolve_cursor(id, all);
    if (at) return at->position;
    if (at.error().code != errc::invalid_input) return at.error();
    return error{errc::invalid_input, "a position is an event's id, 0 or $", ""};
}

result<std::size_t> limit_of(const http::query_parameters& query, std::size_t most) {
    const auto text = query.get("limit");
    if (!text) return std::min(usual_limit, most);
    const auto limit = parse_integer<std::size_t>(*text);
    if (!limit || *limit == 0) return error{errc::invalid_input, "limit is a whole number, 1 or more", ""};
    return std::min(*limit, most);
}

/// A page's cursor is the number of the last row of the page before.
result<std::optional<std::int64_t>> cursor_of(const http::query_parameters& query) {
    const auto text = query.get("cursor");
    if (!text) return std::optional<std::int64_t>{};
    const auto number = parse_integer<std::int64_t>(*text);
    if (!number || *number < 0) return error{errc::invalid_input, "cursor is the next_cursor of a page", ""};
    return std::optional{*number};
}

/// One method on one route.
class subscription_endpoint final : public http::endpoint {
public:
    using action = answering (*)(shared_parts, std::string name, http::request);

    subscription_endpoint(shared_parts parts, action what) : parts_{std::move(parts)}, what_{what} {}

    answering handle(http::request whole) override {
        std::string name{whole.path_parameter("name")};
        return what_(parts_, std::move(name), std::move(whole));
    }

private:
    shared_parts parts_;
    action what_;
};

answering list(shared_parts parts, std::string, http::request whole) {
    if (const auto query = read_query(whole, {}); !query) co_return feed_refusal(query.error());
    const auto all = co_await parts->pool.run([](store::feed_store& db) { return db.list_subscriptions(); });
    if (!all) co_return feed_refusal(all.error());
    json::array listed;
    for (const auto& one : *all)
        listed.push_back(shown(*parts, one));
    co_return answer({{"subscriptions", std::move(listed)}});
}

answering show(shared_parts parts, std::string name, http::request whole) {
    if (const auto query = read_query(whole, {}); !query) co_return feed_refusal(query.error());
    auto read = [name](store::feed_store& db) { return known(db.read_subscription(name)); };
    const auto one = co_await parts->pool.run(std::move(read));
    if (!one) co_return feed_refusal(one.error());
    co_return answer(shown(*parts, *one));
}

answering put(shared_parts parts, std::string name, http::request whole) {
    if (const auto query = read_query(whole, {}); !query) co_return feed_refusal(query.error());
    if (!is_follower_name(name)) {
        co_return feed_refusal(
            {errc::invalid_input,
             "a subscription's name is 1 to 64 of a-z 0-9 _ -, and begins with a letter or digit",
             ""}
        );
    }
    if (is_configured(*parts, name))
        co_return feed_refusal({errc::conflict, "this subscription is changed in the configuration file", ""}
        );
    auto wish = read_subscription_wish(whole.body, parts->rules);
    if (!wish) co_return feed_refusal(wish.error());
    wish->what.name = name;
    const auto head = co_await parts->log.head();
    if (!head) co_return feed_refusal(head.error());
    auto start = resolve_cursor(wish->start, *head);
    if (!start && start.error().code == errc::invalid_input) co_return feed_refusal(start.error());
    const auto signing = signing_secret::generate();
    auto work = [draft = std::move(wish->what), start, secret = secret{signing.reveal()}](
                    store::feed_store& db
                ) mutable -> result<store::made_subscription> {
        // Where one starts that is there already does not matter, and may have expired long ago.
        if (!start) {
            const auto there = db.read_subscription(draft.name);
            if (!there) return start.error();
            start = cursor{there->epoch, there->position};
        }
        return db.put_subscription(draft, secret, start->epoch, start->position);
    };
    const auto made = co_await parts->pool.run(std::move(work));
    if (!made) co_return feed_refusal(made.error());
    tell(*parts, name, made->made ? "made" : "put");
    auto body = shown(*parts, made->what);
    if (made->made) body["secret"] = signing.reveal();
    co_return answer(std::move(body), made->made ? 201 : 200);
}

answering remove(shared_parts parts, std::string name, http::request whole) {
    if (const auto query = read_query(whole, {}); !query) co_return feed_refusal(query.error());
    if (is_configured(*parts, name)) {
        co_return feed_refusal(
            {errc::conflict, "this subscription is in the configuration file; take it out there first", ""}
        );
    }
    auto work = [name](store::feed_store& db) { return db.remove_subscription(name); };
    const auto removed = co_await parts->pool.run(std::move(work));
    if (!removed) co_return feed_refusal(removed.error());
    if (!*removed) co_return feed_refusal(unknown_subscription());
    tell(*parts, name, "removed");
    co_return http::response{.status = 204};
}

answering pause(shared_parts parts, std::string name, http::request whole) {
    if (const auto query = read_query(whole, {}); !query) co_return feed_refusal(query.error());
    if (const auto body = read_object(whole.body, {}); !body) co_return feed_refusal(body.error());
    auto work = [name](store::feed_store& db) { return known(db.pause_subscription(name, "operator")); };
    co_return changed(*parts, "paused", co_await parts->pool.run(std::move(work)));
}

answering resume(shared_parts parts, std::string name, http::request whole) {
    if (const auto query = read_query(whole, {}); !query) co_return feed_refusal(query.error());
    if (const auto body = read_object(whole.body, {}); !body) co_return feed_refusal(body.error());
    auto work = [name](store::feed_store& db) { return known(db.resume_subscription(name)); };
    co_return changed(*parts, "resumed", co_await parts->pool.run(std::move(work)));
}

answering rotate(shared_parts parts, std::string name, http::request whole) {
    if (const auto query = read_query(whole, {}); !query) co_return feed_refusal(query.error());
    const auto overlap = read_overlap(whole.body);
    if (!overlap) co_return feed_refusal(overlap.error());
    const auto signing = signing_secret::generate();
    auto work = [name, overlap = *overlap, secret = secret{signing.reveal()}](store::feed_store& db) {
        return db.rotate_secret(name, secret, overlap);
    };
    const auto now = co_await parts->pool.run(std::move(work));
    if (!now) co_return feed_refusal(now.error());
    tell(*parts, name, "rotated");
    auto body = shown(*parts, *now);
    body["secret"] = signing.reveal();
    co_return answer(std::move(body));
}

answering redrive(shared_parts parts, std::string name, http::request whole) {
    if (const auto query = read_query(whole, {}); !query) co_return feed_refusal(query.error());
    const auto range = read_redrive_range(whole.body);
    if (!range) co_return feed_refusal(range.error());
    const auto head = co_await parts->log.head();
    if (!head) co_return feed_refusal(head.error());
    const auto from = position_of(range->from, *head);
    if (!from) co_return feed_refusal(from.error());
    const auto to = position_of(range->to, *head);
    if (!to) co_return feed_refusal(to.error());
    auto work = [name, from = *from, to = *to](store::feed_store& db) { return db.redrive(name, from, to); };
    const auto count = co_await parts->pool.run(std::move(work));
    if (!count) co_return feed_refusal(count.error());
    if (!*count) co_return feed_refusal(unknown_subscription());
    tell(*parts, name, "redriven");
    co_return answer({{"redriven", **count}});
}

answering reset(shared_parts parts, std::string name, http::request whole) {
    if (const auto query = read_query(whole, {}); !query) co_return feed_refusal(query.error());
    const auto body = read_object(whole.body, {"position"});
    if (!body) co_return feed_refusal(body.error());
    const auto position = read_place(*body, "position");
    if (!position) co_return feed_refusal(position.error());
    const auto head = co_await parts->log.head();
    if (!head) co_return feed_refusal(head.error());
    const auto to = resolve_cursor(*position, *head);
    if (!to) co_return feed_refusal(to.error());
    auto work = [name, to = *to](store::feed_store& db) {
        return known(db.reset_subscription(name, to.epoch, to.position));
    };
    co_return changed(*parts, "reset", co_await parts->pool.run(std::move(work)));
}

/// Rows of one subscription and the epoch that their positions are shown with.
template <class Row>
struct page_of {
    std::string epoch{};
    std::vector<Row> rows{};
};

template <class Row>
http::response answer_page(
    const result<page_of<Row>>& page, std::string_view name, std::size_t limit, std::int64_t Row::*number
) {
    if (!page) return feed_refusal(page.error());
    json::array rows;
    for (const auto& row : page->rows)
        rows.push_back(to_json(row, page->epoch));
    json::object body;
    body[json::string_view{name.data(), name.size()}] = std::move(rows);
    body["next_cursor"] = nullptr;
    // Only a full page may have one after it.
    if (page->rows.size() == limit) body["next_cursor"] = std::to_string(page->rows.back().*number);
    return answer(std::move(body));
}

answering attempts(shared_parts parts, std::string name, http::request whole) {
    const auto query = read_query(whole, {"position", "limit", "cursor"});
    if (!query) co_return feed_refusal(query.error());
    const auto limit = limit_of(*query, parts->page_limit);
    if (!limit) co_return feed_refusal(limit.error());
    const auto before = cursor_of(*query);
    if (!before) co_return feed_refusal(before.error());
    std::optional<std::int64_t> position;
    if (const auto id = query->get("position")) {
        const auto head = co_await parts->log.head();
        if (!head) co_return feed_refusal(head.error());
        const auto at = position_of(*id, *head);
        if (!at) co_return feed_refusal(at.error());
        position = *at;
    }
    using page = page_of<store::outbound_attempt>;
    auto read = [name, position, before = *before, limit = *limit](store::feed_store& db) -> result<page> {
        const auto one = db.read_subscription(name);
        if (!one) return unknown_subscription();
        return page{one->epoch, db.list_attempts(name, position, before, limit)};
    };
    const auto read_page = co_await parts->pool.run(std::move(read));
    co_return answer_page(read_page, "attempts", *limit, &store::outbound_attempt::id);
}

answering dead(shared_parts parts, std::string name, http::request whole) {
    const auto query = read_query(whole, {"limit", "cursor"});
    if (!query) co_return feed_refusal(query.error());
    const auto limit = limit_of(*query, parts->page_limit);
    if (!limit) co_return feed_refusal(limit.error());
    const auto after = cursor_of(*query);
    if (!after) co_return feed_refusal(after.error());
    using page = page_of<store::dead_letter>;
    auto read = [name, after = after->value_or(0), limit = *limit](store::feed_store& db) -> result<page> {
        const auto one = db.read_subscription(name);
        if (!one) return unknown_subscription();
        return page{one->epoch, db.list_dead(name, after, limit)};
    };
    const auto read_page = co_await parts->pool.run(std::move(read));
    co_return answer_page(read_page, "dead", *limit, &store::dead_letter::position);
}

}  // namespace

void add_subscription_routes(const http::route_adder& add, subscription_parts parts) {
    const auto shared = std::make_shared<const subscription_parts>(std::move(parts));
    const auto on = [&](const char* method, const char* pattern, subscription_endpoint::action what) {
        add(method, pattern, std::make_shared<subscription_endpoint>(shared, what));
    };
    on("GET", "/v1/subscriptions", list);
    on("GET", "/v1/subscriptions/{name}", show);
    on("PUT", "/v1/subscriptions/{name}", put);
    on("DELETE", "/v1/subscriptions/{name}", remove);
    on("POST", "/v1/subscriptions/{name}/pause", pause);
    on("POST", "/v1/subscriptions/{name}/resume", resume);
    on("POST", "/v1/subscriptions/{name}/rotate", rotate);
    on("POST", "/v1/subscriptions/{name}/redrive", redrive);
    on("POST", "/v1/subscriptions/{name}/reset", reset);
    on("GET", "/v1/subscriptions/{name}/attempts", attempts);
    on("GET", "/v1/subscriptions/{name}/dead", dead);
}

}  // namespace callhook::feed::outbound
