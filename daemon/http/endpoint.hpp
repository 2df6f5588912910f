#pragma once

#include "http/message.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>

namespace callhook::http {

/// What answers the requests of one route. Called on the loop thread only, and for many connections at once:
/// between a `co_await` and its return other calls run. It lives as long as the router that holds it.
class endpoint {
public:
    endpoint() = default;
    endpoint(const endpoint&) = delete;
    endpoint& operator=(const endpoint&) = delete;
    virtual ~endpoint();

    /// Called once the head is read and before any byte of the body is; an answer refuses the request (and
    /// the connection closes when there is an unread body). Credentials belong here. The default takes every
    /// request.
    virtual std::optional<response> admit(const request_head& head);

    /// Answers one whole request. An exception becomes a logged 500. Terminal cancellation comes when the
    /// handler timeout or the deadline of server::stop passes; a client that goes away does not cancel it.
    /// Called for HEAD too where the route is for GET: answer as for GET, the server leaves the body out.
    virtual boost::asio::awaitable<response> handle(request whole) = 0;
};

}  // namespace callhook::http
