#include "api/guard.hpp"

#include "base/text.hpp"
#include "http/network_list.hpp"

#include <algorithm>

namespace callhook::api {

namespace {

constexpr std::string_view challenge = "Bearer realm=\"callhook\"";

/// Stands before an endpoint.
class guarded_endpoint final : public http::endpoint {
public:
    guarded_endpoint(
        scope needed, std::shared_ptr<const access_rules> rules, std::shared_ptr<http::endpoint> inner
    )
        : needed_{needed}, rules_{std::move(rules)}, inner_{std::move(inner)} {}

    std::optional<http::response> admit(const http::request_head& head) override {
        auto refused = refuse(head, *rules_, needed_);
        return refused ? std::move(refused) : inner_->admit(head);
    }
    boost::asio::awaitable<http::response> handle(http::request whole) override {
        return inner_->handle(std::move(whole));
    }

private:
    scope needed_;
    std::shared_ptr<const access_rules> rules_;
    std::shared_ptr<http::endpoint> inner_;
};

/// What follows `Bearer` in the one Authorization field; empty where there is none of the kind.
std::string_view presented(const http::request_head& head) {
    const auto fields = head.header_values("Authorization");
    if (fields.size() != 1) return {};
    const auto space = fields[0].find(' ');
    if (space == std::string_view::npos || !equals_ignoring_case(fields[0].substr(0, space), "Bearer"))
        return {};
    return trim(fields[0].substr(space));
}

/// Whether a page that a browser shows wants to change something: browsers let every page send such requests,
/// though not read the answers, and say so in `Origin`. Programs do not send it.
bool is_change_by_page(const http::request_head& head) {
    return head.method != "GET" && head.method != "HEAD" && !head.header("Origin").empty();
}

/// Whether the request was meant for a name that is not ours. Whoever owns a name can let it point to this
/// machine, and to a browser its pages are then of the same origin as the API. Programs may leave Host empty.
bool is_called_by_name(const http::request_head& head, const std::vector<std::string>& ours) {
    auto host = head.header("Host");
    if (host.starts_with('[')) {
        const auto end = host.find(']');
        return end == std::string_view::npos || !http::parse_address(host.substr(1, end - 1));
    }
    host = host.substr(0, host.find(':'));
    if (host.empty() || equals_ignoring_case(host, "localhost") || http::parse_address(host)) return false;
    return std::ranges::find(ours, to_lower(host)) == ours.end();
}

}  // namespace

std::optional<http::response> refuse(
    const http::request_head& head, const access_rules& rules, std::optional<scope> needed
) {
    const auto& tokens = rules.tokens;
    if (tokens.empty()) {
        if (is_called_by_name(head, rules.hosts)) {
            return http::problem(
                403, "without tokens this answers to localhost, IP addresses and api.allowed_hosts only"
            );
        }
        if (!is_change_by_page(head)) return {};
        return http::problem(403, "without tokens a page in a browser may change nothing here");
    }
    const auto token = presented(head);
    const auto* who = tokens.find(token);
    if (who == nullptr || token.empty()) {
        auto answer = http::problem(401, "this needs an API token: Authorization: Bearer TOKEN");
        answer.fields.push_back({"WWW-Authenticate", std::string{challenge}});
        return answer;
    }
    if (!needed || who->allows(*needed)) return {};
    const auto name = std::string{to_string(*needed)};
    auto answer = http::problem(403, "this needs a token with the scope " + name);
    answer.fields.push_back(
        {"WWW-Authenticate", std::string{challenge} + ", error=\"insufficient_scope\", scope=\"" + name + '"'}
    );
    return answer;
}

void guarded_routes::add(
    scope needed, std::string_view method, std::string_view pattern, std::shared_ptr<http::endpoint> endpoint
) {
    routes_.add(method, pattern, std::make_shared<guarded_endpoint>(needed, rules_, std::move(endpoint)));
}

void guarded_routes::add_open(
    std::string_view method, std::string_view pattern, std::shared_ptr<http::endpoint> endpoint
) {
    routes_.add(method, pattern, std::move(endpoint));
}

}  // namespace callhook::api
