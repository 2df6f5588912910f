#pragma once

#include "feed/cursor.hpp"
#include "feed/log_tail.hpp"
#include "http/endpoint.hpp"
#include "http/query.hpp"
#include "store/reader_pool.hpp"

namespace callhook::feed {

struct feed_settings {
    /// The largest `limit`, and the one without it.
    std::size_t page_limit = 1'000;
    /// The longest `timeout`.
    std::chrono::milliseconds long_poll_max{60'000};
};

/// `GET /v1/events`: the events after `lastEventId`, at once where there are any, else as soon as one comes
/// or `timeout` has passed.
class events_endpoint final : public http::endpoint {
public:
    /// `tail` and `readers` must outlive it.
    events_endpoint(feed_settings how, log_tail& tail, store::reader_pool& readers);

    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    struct asked {
        std::string last_event_id{};
        std::chrono::milliseconds timeout{0};
        std::size_t limit = 0;
        store::event_filter filter{};
        bool lines = false;
    };
    [[nodiscard]] result<asked> read(const http::request& whole) const;
    boost::asio::awaitable<result<store::event_page>> stretch(
        const cursor& from, const store::feed_head& least, const asked& what, std::int64_t& read_to
    );

    feed_settings how_;
    log_tail& tail_;
    store::reader_pool& readers_;
};

}  // namespace callhook::feed
