#pragma once

#include "api/tokens.hpp"
#include "http/endpoint.hpp"
#include "http/router.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::api {

/// Who may use the API. Whoever made it may replace all of it on the loop's thread; guards only look.
struct access_rules {
    token_list tokens{};
    /// Names in lower case by which it may be called without tokens, beside localhost and IP addresses.
    std::vector<std::string> hosts{};
};

/// The answer to a request that may not be served; nothing if it may. Without tokens everything may be but
/// what a page in somebody's browser could do (403; a page cannot send a token unasked): changes, and
/// requests by a name of its own that was made to point here (DNS rebinding), with which it could read as
/// well. 401 where no token, a malformed one or nobody's is presented, always the same answer; 403 where its
/// scopes do not hold `needed` (empty: any token will do). RFC 6750, in the `Authorization` field alone.
std::optional<http::response> refuse(
    const http::request_head& head, const access_rules& rules, std::optional<scope> needed
);

/// Puts routes into a router, each with what a token needs for it: there is no way to forget that.
class guarded_routes {
public:
    guarded_routes(http::router& routes, std::shared_ptr<const access_rules> rules)
        : routes_{routes}, rules_{std::move(rules)} {}

    /// A route for who has a token of that scope: refused before the body is read.
    void add(
        scope needed,
        std::string_view method,
        std::string_view pattern,
        std::shared_ptr<http::endpoint> endpoint
    );
    /// A route for everybody.
    void add_open(
        std::string_view method, std::string_view pattern, std::shared_ptr<http::endpoint> endpoint
    );

    /// `add` with that scope, for rooms that add routes of their own. Must not outlive this.
    [[nodiscard]] http::route_adder adder(scope needed) {
        return [this, needed](std::string_view method, std::string_view pattern, auto endpoint) {
            add(needed, method, pattern, std::move(endpoint));
        };
    }

private:
    http::router& routes_;
    std::shared_ptr<const access_rules> rules_;
};

}  // namespace callhook::api
