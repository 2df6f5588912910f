#pragma once

#include "api/guard.hpp"
#include "http/endpoint.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace callhook::api {

/// What is the matter with a part of the daemon.
struct trouble {
    enum class weight {
        shown,     ///< nothing that bears on traffic
        degraded,  ///< traffic should come, and people should look
        unready    ///< traffic must not come
    };
    /// Empty: nothing. Otherwise fit for anyone who may read the API.
    std::string reason{};
    weight how = weight::unready;
};

/// One part of readiness: a name and whether it is well.
struct readiness_part {
    std::string name;
    std::function<trouble()> look;
};

/// What all parts together come to.
struct readiness {
    trouble::weight worst = trouble::weight::shown;
    std::vector<std::pair<std::string, std::string>> troubles{};  ///< part and reason, of those that have any
};

readiness look_at(const std::vector<readiness_part>& parts);

/// ok, degraded or not ready.
const char* in_a_word(trouble::weight worst);

/// The same with all troubles, in one line for people.
std::string in_a_line(const readiness& found);

/// `GET /livez`: the process answers. Never asks the database, or an outage of it would restart every daemon.
class livez_endpoint final : public http::endpoint {
public:
    boost::asio::awaitable<http::response> handle(http::request whole) override;
};

/// `GET /readyz`: 503 where a part is not ready, else 200, with the status `degraded` where one is;
/// `?verbose` lists the parts, for who has a token (any) where there are tokens.
class readyz_endpoint final : public http::endpoint {
public:
    readyz_endpoint(std::vector<readiness_part> parts, std::shared_ptr<const access_rules> rules)
        : parts_{std::move(parts)}, rules_{std::move(rules)} {}
    std::optional<http::response> admit(const http::request_head& head) override;
    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    std::vector<readiness_part> parts_;
    std::shared_ptr<const access_rules> rules_;
};

}  // namespace callhook::api
