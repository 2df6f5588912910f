// What readers of the feed and of the API ask for. The first byte picks what the rest is: a query (after two
// lines, the fields Accept and Last-Event-ID), a place in the feed, or the JSON body of a consumer or a
// subscription.
//
// Promises: nothing is taken out of its bounds, a cursor that is taken is the one that was given, and a
// refusal says nothing of the request.
#include "api/paging.hpp"
#include "feed/consumers/consumer_json.hpp"
#include "feed/cursor.hpp"
#include "feed/feed_request.hpp"
#include "feed/json_body.hpp"
#include "feed/outbound/subscription_json.hpp"
#include "fuzz/support.hpp"

namespace {

using namespace callhook;
using fuzz::require;

store::feed_head head() {
    store::feed_head at;
    at.epoch = "0badcafe";
    at.position = 1'000;
    at.floor = 10;
    return at;
}

template <class T>
bool taken(const result<T>& given) {
    if (given.has_value()) return true;
    const auto& e = given.error();
    require(
        e.code == errc::invalid_input || e.code == errc::gone || e.code == errc::conflict, "a refusal's kind"
    );
    require(
        !e.message.empty() && e.message.size() < 500 && fuzz::is_printable(e.message),
        "a refusal is fit to be shown"
    );
    return false;
}

void check_place(std::string_view text) {
    const auto at = feed::resolve_cursor(text, head());
    if (!taken(at)) return;
    require(at->epoch == head().epoch, "a place is of this log");
    require(at->position >= 0 && at->position <= head().position, "a place is within the log");
    const auto again = feed::resolve_cursor(feed::to_string(*at), head());
    if (again.has_value()) require(*again == *at, "a place has one text");
}

void check_filter(const store::event_filter& filter) {
    json::object shown;
    feed::add_filter(shown, filter);
    const auto text = json::serialize(shown);
    require(json::serialize(parse_json(text)) == text, "a filter can be shown");
}

void check_query(fuzz::input& in) {
    http::request_head request;
    request.fields = {
        {"Accept", std::string{in.until('\n')}},
        {"Last-Event-ID", std::string{in.until('\n')}},
    };
    request.query = in.rest();
    const feed::feed_settings bounds;
    const auto asked = feed::read_feed_request(request, bounds);
    if (taken(asked)) {
        require(asked->limit <= bounds.page_limit, "the bound of a page holds");
        require(
            asked->timeout.count() >= 0 && asked->timeout <= bounds.long_poll_max, "the bound of a wait holds"
        );
        check_place(asked->last_event_id);
        check_filter(asked->filter);
    }
    const auto query = http::query_parameters::parse(request.query);
    if (!taken(query)) return;
    const auto page = api::page_of(*query, 500);
    if (taken(page)) require(page->limit >= 1 && page->limit <= 500, "the bound of a list holds");
    (void)taken(api::only_known(*query, {"limit", "cursor", "since"}));
    for (const auto name : query->names()) {
        for (const auto value : query->all(name)) {
            require(value.find('\0') == std::string_view::npos, "no NUL");
            const auto parts = api::unpack(value, 2);
            if (taken(parts))
                require(api::pack({(*parts)[0], (*parts)[1]}) == value, "a cursor has one text");
        }
    }
}

void check_body(unsigned what, std::string_view body) {
    static const feed::outbound::target_rules strict{};
    switch (what) {
        case 2:
            if (const auto wish = feed::consumers::read_wish(body); taken(wish)) check_filter(wish->filter);
            return;
        case 3:
            if (const auto place = feed::consumers::read_position(body); taken(place)) check_place(*place);
            return;
        case 4:
            if (const auto wish = feed::outbound::read_subscription_wish(body, strict); taken(wish)) {
                check_filter(wish->what.filter);
                require(
                    feed::outbound::check_target_url(wish->what.url, strict).has_value(),
                    "a URL keeps to the rules"
                );
            }
            return;
        case 5:
            if (const auto overlap = feed::outbound::read_overlap(body); taken(overlap))
                require(overlap->count() >= 0, "an overlap is no time past");
            return;
        case 6:
            (void)taken(feed::outbound::read_redrive_range(body));
            return;
        default: {
            const auto text = feed::as_utf8(body);
            require(feed::as_utf8(text) == text, "what is UTF-8 stays so");
            require(!feed::is_follower_name(body) || body.size() <= 64, "a name is short");
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in{fuzz::as_text(data, size)};
    const auto what = in.below(8);
    if (what == 0)
        check_query(in);
    else if (what == 1)
        check_place(in.rest());
    else
        check_body(what, in.rest());
    return 0;
}
