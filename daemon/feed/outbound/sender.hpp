#pragma once

#include "base/clock.hpp"
#include "feed/outbound/rendering.hpp"
#include "feed/outbound/standard_webhooks.hpp"
#include "feed/outbound/verdict.hpp"
#include "feed/shared_event.hpp"
#include "http/client.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace callhook::feed::outbound {

/// What carries one subscription's events to its receiver. Loop thread.
class sender {
public:
    virtual ~sender() = default;

    /// Sends an event once and waits for the answer. Failures are receipts.
    virtual boost::asio::awaitable<receipt> send(const std::string& epoch, shared_event event) = 0;

    /// Ends all that is under way, soon, as cancelled.
    virtual void close() = 0;
};

/// How a receiver is reached.
struct http_sender_settings {
    http::client_settings client{};
    std::string target{};  ///< path and query; may hold what authorises
    content_mode mode = content_mode::structured;
    std::vector<signing_secret> secrets{};
    std::chrono::milliseconds timeout{15'000};
};

/// Sends as Standard Webhooks 1.0 asks: `webhook-id` is the event's id, the same at every attempt.
class http_sender final : public sender {
public:
    /// `clock` must outlive it. Throws `bad_result` where the authorities cannot be read.
    http_sender(
        const boost::asio::any_io_executor& executor, http_sender_settings how, const clock_source& clock
    );

    boost::asio::awaitable<receipt> send(const std::string& epoch, shared_event event) override;
    void close() override { client_.close(); }

private:
    const http_sender_settings how_;
    const clock_source& clock_;
    http::client client_;
};

}  // namespace callhook::feed::outbound
