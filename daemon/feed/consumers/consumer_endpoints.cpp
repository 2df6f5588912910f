#include "feed/consumers/consumer_endpoints.hpp"

#include "feed/consumers/consumer_json.hpp"
#include "feed/consumers/consumer_places.hpp"
#include "feed/cross_origin.hpp"
#include "feed/json_body.hpp"

#include <utility>

namespace callhook::feed::consumers {

namespace asio = boost::asio;

namespace {

using answering = asio::awaitable<http::response>;

http::response shown(const store::consumer& one, unsigned status = 200) {
    return http::json_response(status, json::serialize(to_json(one)));
}

/// What the store says of one consumer, as an answer.
http::response shown(const result<store::consumer>& said) {
    return said ? shown(*said) : feed_refusal(said.error());
}

/// One method on one route.
class consumer_endpoint final : public http::endpoint {
public:
    using action = answering (*)(consumer_parts, http::request);

    consumer_endpoint(const consumer_parts& parts, action what) : parts_{parts}, what_{what} {}

    answering handle(http::request whole) override { return what_(parts_, std::move(whole)); }

private:
    consumer_parts parts_;
    action what_;
};

answering list(consumer_parts parts, http::request whole) {
    if (const auto query = read_query(whole, {}); !query) co_return feed_refusal(query.error());
    const auto all = co_await parts.pool.run([](store::feed_store& db) { return db.list_consumers(); });
    if (!all) co_return feed_refusal(all.error());
    json::array listed;
    for (const auto& one : *all)
        listed.push_back(to_json(one));
    co_return http::json_response(200, json::serialize(json::object{{"consumers", std::move(listed)}}));
}

answering show(consumer_parts parts, http::request whole) {
    if (const auto query = read_query(whole, {}); !query) co_return feed_refusal(query.error());
    auto read = [name = std::string{whole.path_parameter("name")}](store::feed_store& db) {
        return known(db.read_consumer(name));
    };
    co_return shown(co_await parts.pool.run(std::move(read)));
}

answering make(consumer_parts parts, http::request whole) {
    const std::string name{whole.path_parameter("name")};
    if (const auto query = read_query(whole, {}); !query) co_return feed_refusal(query.error());
    if (!is_follower_name(name)) {
        co_return feed_refusal(
            {errc::invalid_input,
             "a consumer's name is 1 to 64 of a-z 0-9 _ -, and begins with a letter or digit",
             ""}
        );
    }
    auto wish = read_wish(whole.body);
    if (!wish) co_return feed_refusal(wish.error());
    const auto head = co_await parts.feed.log.head();
    if (!head) co_return feed_refusal(head.error());
    auto start = resolve_cursor(wish->start, *head);
    store::consumer_draft draft{name, store::consumer_kind::reader, std::move(wish->filter)};
    auto work = [draft, start](store::feed_store& db) mutable -> result<store::made_consumer> {
        // Where one starts that is there already does not matter, and may have expired long ago.
        if (!start) {
            const auto there = db.read_consumer(draft.name);
            if (!there) return start.error();
            start = cursor{there->epoch, there->position};
        }
        draft.epoch = start->epoch;
        draft.position = start->position;
        return db.make_consumer(draft);
    };
    const auto made = co_await parts.pool.run(std::move(work));
    if (!made) co_return feed_refusal(made.error());
    co_return shown(made->what, made->made ? 201 : 200);
}

answering remove(consumer_parts parts, http::request whole) {
    if (const auto query = read_query(whole, {}); !query) co_return feed_refusal(query.error());
    auto work = [name = std::string{whole.path_parameter("name")}](store::feed_store& db) -> result<void> {
        const auto there = readers_own(db.read_consumer(name));
        if (!there) return there.error();
        db.remove_consumer(name);
        return {};
    };
    const auto removed = co_await parts.pool.run(std::move(work));
    if (!removed) co_return feed_refusal(removed.error());
    co_return http::response{.status = 204};
}

answering acknowledge(consumer_parts parts, http::request whole) {
    if (const auto query = read_query(whole, {}); !query) co_return feed_refusal(query.error());
    const auto position = read_position(whole.body);
    if (!position) co_return feed_refusal(position.error());
    const auto head = co_await parts.feed.log.head();
    if (!head) co_return feed_refusal(head.error());
    const auto upto = acknowledged(*position, *head);
    if (!upto) co_return feed_refusal(upto.error());
    auto work = [name = std::string{whole.path_parameter("name")},
                 upto = *upto](store::feed_store& db) -> result<store::consumer> {
        const auto there = readers_own(db.read_consumer(name));
        if (!there) return there;
        return within(known(db.ack_consumer(name, upto.epoch, upto.position)), upto.epoch);
    };
    co_return shown(co_await parts.pool.run(std::move(work)));
}

answering reset(consumer_parts parts, http::request whole) {
    if (const auto query = read_query(whole, {}); !query) co_return feed_refusal(query.error());
    const auto position = read_position(whole.body);
    if (!position) co_return feed_refusal(position.error());
    const auto head = co_await parts.feed.log.head();
    if (!head) co_return feed_refusal(head.error());
    const auto to = resolve_cursor(*position, *head);
    if (!to) co_return feed_refusal(to.error());
    auto work = [name = std::string{whole.path_parameter("name")}, to = *to](store::feed_store& db) {
        return known(db.reset_consumer(name, to.epoch, to.position));
    };
    co_return shown(co_await parts.pool.run(std::move(work)));
}

answering events(consumer_parts parts, http::request whole) {
    auto what = read_feed_request(whole, parts.feed.how, {"timeout", "limit"});
    if (!what) co_return feed_refusal(what.error());
    auto read = [name = std::string{whole.path_parameter("name")}](store::feed_store& db) {
        return known(db.read_consumer(name));
    };
    const auto one = co_await parts.pool.run(std::move(read));
    if (!one) co_return feed_refusal(one.error());
    // Asked later, so that the place is not ahead of it.
    const auto head = co_await parts.feed.log.head();
    if (!head) co_return feed_refusal(head.error());
    const auto from = reading_from(*one, what->last_event_id, *head);
    if (!from) co_return feed_refusal(from.error());
    what->filter = one->filter;
    co_return co_await answer_events(parts.feed, std::move(*what), *from, *head);
}

}  // namespace

void add_consumer_routes(
    const consumer_parts& parts, const std::vector<std::string>& origins, const http::route_adder& add
) {
    const auto of = [&](consumer_endpoint::action what) {
        return std::make_shared<consumer_endpoint>(parts, what);
    };
    add("GET", "/v1/consumers", of(list));
    add("GET", "/v1/consumers/{name}", of(show));
    add("PUT", "/v1/consumers/{name}", of(make));
    add("DELETE", "/v1/consumers/{name}", of(remove));
    add("POST", "/v1/consumers/{name}/ack", of(acknowledge));
    add("POST", "/v1/consumers/{name}/reset", of(reset));
    add("GET", "/v1/consumers/{name}/events", readable_from(origins, of(events)));
}

}  // namespace callhook::feed::consumers
