#include "feed/events_endpoint.hpp"

#include "base/text.hpp"
#include "feed/cloud_events.hpp"

#include <algorithm>

namespace callhook::feed {

namespace {

/// How many positions one answer looks through at most: with a filter that takes little, the answer says how
/// far it got.
constexpr std::int64_t scan_positions = 20'000;

/// An answer is built in memory: it ends after this much, whatever `limit` says.
constexpr std::size_t answer_bytes = 8 << 20;

unsigned status_of(const error& e) {
    switch (e.code) {
        case errc::invalid_input:
            return 400;
        case errc::gone:
            return 410;
        case errc::conflict:
            return 409;
        default:
            return 503;
    }
}

http::response refusal(const error& e) {
    auto answer = http::problem(status_of(e), e.message);
    if (e.retryable()) answer.fields.push_back({"Retry-After", "1"});
    return answer;
}

std::vector<std::string> list(const http::query_parameters& query, std::string_view name) {
    std::vector<std::string> out;
    for (const auto value : query.all(name)) {
        for (const auto part : split(value, ',')) {
            if (!part.empty()) out.emplace_back(part);
        }
    }
    return out;
}

bool accepts(std::string_view accept, std::string_view media_type) {
    for (const auto part : split(accept, ',')) {
        if (equals_ignoring_case(trim(part.substr(0, part.find(';'))), media_type)) return true;
    }
    return false;
}

}  // namespace

events_endpoint::events_endpoint(feed_settings how, log_tail& tail, store::reader_pool& readers)
    : how_{how}, tail_{tail}, readers_{readers} {}

result<events_endpoint::asked> events_endpoint::read(const http::request& whole) const {
    const auto query = http::query_parameters::parse(whole.query);
    if (!query) return query.error();
    constexpr std::string_view known[] = {"lastEventId", "timeout", "limit", "type", "source", "subject"};
    for (const auto name : query->names()) {
        if (std::find(std::begin(known), std::end(known), name) == std::end(known)) {
            return error{
                errc::invalid_input,
                "unknown parameter; known are lastEventId, timeout, limit, type, source and subject",
                ""};
        }
    }
    asked out;
    out.last_event_id = query->get("lastEventId").value_or(whole.header("Last-Event-ID"));
    if (const auto text = query->get("timeout")) {
        const auto ms = parse_integer<std::int64_t>(*text);
        if (!ms || *ms < 0)
            return error{errc::invalid_input, "timeout is a number of milliseconds, 0 or more", ""};
        out.timeout = std::min(std::chrono::milliseconds{*ms}, how_.long_poll_max);
    }
    out.limit = how_.page_limit;
    if (const auto text = query->get("limit")) {
        const auto limit = parse_integer<std::size_t>(*text);
        if (!limit || *limit == 0)
            return error{errc::invalid_input, "limit is a number of events, 1 or more", ""};
        out.limit = std::min(*limit, how_.page_limit);
    }
    out.filter = {list(*query, "type"), list(*query, "source"), list(*query, "subject")};
    for (auto& source : out.filter.sources) {
        // An event's `source` is `/callhook/NAME`; its name alone will do.
        constexpr std::string_view prefix = "/callhook/";
        if (source.starts_with(prefix)) source.erase(0, prefix.size());
    }
    out.lines = accepts(whole.header("Accept"), lines_media_type);
    return out;
}

/// Events after `from` that are there now: from memory where it reaches back so far, else from the database.
boost::asio::awaitable<result<store::event_page>> events_endpoint::stretch(
    const cursor& from, const store::feed_head& least, const asked& what, std::int64_t& read_to
) {
    if (tail_.covers(from.position, least)) {
        store::event_page page;
        page.head = *tail_.head();
        page.events = tail_.read(from.position, what.filter, what.limit, read_to);
        co_return page;
    }
    const auto until = from.position + scan_positions;
    auto query = [after = from.position, until, filter = what.filter, limit = what.limit](store::queries& q) {
        return q.events(after, until, filter, limit);
    };
    auto page = co_await readers_.run(std::move(query));
    if (page) {
        const bool cut = page->events.size() == what.limit;
        read_to = cut ? page->events.back().position : std::min(until, page->head.position);
    }
    co_return page;
}

boost::asio::awaitable<http::response> events_endpoint::handle(http::request whole) {
    const auto parsed = read(whole);
    if (!parsed) co_return refusal(parsed.error());
    const auto& what = *parsed;
    const auto deadline = std::chrono::steady_clock::now() + what.timeout;

    // The database's own head: what this daemon remembers may be a moment old, and a reader may come from
    // another daemon.
    const auto head = co_await readers_.run([](store::queries& q) { return q.head(); });
    if (!head) co_return refusal(head.error());
    auto at = resolve_cursor(what.last_event_id, *head);
    if (!at) co_return refusal(at.error());

    store::event_page page;
    for (;;) {
        std::int64_t read_to = at->position;
        auto found = co_await stretch(*at, *head, what, read_to);
        if (!found) co_return refusal(found.error());
        if (found->head.epoch != at->epoch || found->head.floor > at->position)
            co_return refusal(resolve_cursor(to_string(*at), found->head).error());
        at->position = std::max(at->position, read_to);
        page = std::move(*found);
        if (!page.events.empty() || tail_.grown().closed() || std::chrono::steady_clock::now() >= deadline)
            break;
        // Also where the log grew while the database was being asked: that wake-up is over.
        const auto newest =
            tail_.head() ? std::max(tail_.head()->position, page.head.position) : page.head.position;
        if (at->position < newest) continue;
        co_await tail_.grown().wait(deadline);
    }

    std::size_t bytes = 0;
    const auto cut = std::find_if(page.events.begin(), page.events.end(), [&](const auto& e) {
        const bool full = bytes > answer_bytes;
        bytes += e.event.size();
        return full;
    });
    if (cut != page.events.end()) {
        page.events.erase(cut, page.events.end());
        at->position = page.events.back().position;
    }
    http::response answer;
    answer.content_type = what.lines ? lines_media_type : batch_media_type;
    answer.body = what.lines ? render_lines(at->epoch, page.events) : render_batch(at->epoch, page.events);
    answer.fields.push_back({"Last-Event-ID", to_string(*at)});
    co_return answer;
}

}  // namespace callhook::feed
