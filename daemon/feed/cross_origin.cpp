#include "feed/cross_origin.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace callhook::feed {

namespace {

/// Whether scripts of this origin may read the answer, as the browser wants to be told it.
bool allow(http::response& answer, const std::vector<std::string>& origins, const std::string& origin) {
    answer.fields.push_back({"Vary", "Origin"});
    if (std::ranges::find(origins, origin) == origins.end()) return false;
    answer.fields.push_back({"Access-Control-Allow-Origin", origin});
    return true;
}

class cross_origin_endpoint final : public http::endpoint {
public:
    cross_origin_endpoint(std::vector<std::string> origins, std::shared_ptr<http::endpoint> inner)
        : origins_{std::move(origins)}, inner_{std::move(inner)} {}

    std::optional<http::response> admit(const http::request_head& head) override {
        auto no = inner_->admit(head);
        if (no) mark(*no, std::string{head.header("Origin")});
        return no;
    }

    boost::asio::awaitable<http::response> handle(http::request whole) override {
        const std::string origin{whole.header("Origin")};
        auto answer = co_await inner_->handle(std::move(whole));
        mark(answer, origin);
        co_return answer;
    }

private:
    void mark(http::response& answer, const std::string& origin) const {
        if (allow(answer, origins_, origin))
            answer.fields.push_back({"Access-Control-Expose-Headers", "Last-Event-ID"});
    }

    std::vector<std::string> origins_;
    std::shared_ptr<http::endpoint> inner_;
};

class preflight_endpoint final : public http::endpoint {
public:
    explicit preflight_endpoint(std::vector<std::string> origins) : origins_{std::move(origins)} {}

    boost::asio::awaitable<http::response> handle(http::request whole) override {
        http::response answer{.status = 204};
        if (allow(answer, origins_, std::string{whole.header("Origin")})) {
            answer.fields.push_back({"Access-Control-Allow-Methods", "GET, HEAD"});
            answer.fields.push_back({"Access-Control-Allow-Headers", "Authorization, Last-Event-ID"});
            answer.fields.push_back({"Access-Control-Max-Age", "600"});
        }
        co_return answer;
    }

private:
    std::vector<std::string> origins_;
};

}  // namespace

std::shared_ptr<http::endpoint> readable_from(
    const std::vector<std::string>& origins, std::shared_ptr<http::endpoint> endpoint
) {
    if (origins.empty()) return endpoint;
    return std::make_shared<cross_origin_endpoint>(origins, std::move(endpoint));
}

std::shared_ptr<http::endpoint> preflight(const std::vector<std::string>& origins) {
    return std::make_shared<preflight_endpoint>(origins);
}

}  // namespace callhook::feed
