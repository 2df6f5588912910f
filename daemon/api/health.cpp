#include "api/health.hpp"

#include "base/json.hpp"

#include <algorithm>

namespace callhook::api {

boost::asio::awaitable<http::response> livez_endpoint::handle(http::request) {
    co_return http::json_response(200, R"({"status":"ok"})");
}

readiness look_at(const std::vector<readiness_part>& parts) {
    readiness found;
    for (const auto& part : parts) {
        auto trouble = part.look();
        if (trouble.reason.empty()) continue;
        found.worst = std::max(found.worst, trouble.how);
        found.troubles.emplace_back(part.name, std::move(trouble.reason));
    }
    return found;
}

const char* in_a_word(trouble::weight worst) {
    switch (worst) {
        case trouble::weight::shown:
            return "ok";
        case trouble::weight::degraded:
            return "degraded";
        case trouble::weight::unready:
            break;
    }
    return "not ready";
}

std::string in_a_line(const readiness& found) {
    std::string line = in_a_word(found.worst);
    for (const auto& [part, reason] : found.troubles)
        line += "; " + part + ": " + reason;
    return line;
}

namespace {

bool wants_parts(const http::request_head& head) {
    return head.query.starts_with("verbose");
}

}  // namespace

std::optional<http::response> readyz_endpoint::admit(const http::request_head& head) {
    return wants_parts(head) ? refuse(head, *rules_, {}) : std::nullopt;
}

boost::asio::awaitable<http::response> readyz_endpoint::handle(http::request whole) {
    const auto found = look_at(parts_);
    json::object body{{"status", in_a_word(found.worst)}};
    if (wants_parts(whole)) {
        json::object parts;
        for (const auto& part : parts_)
            parts.emplace(part.name, "ok");
        for (const auto& [part, reason] : found.troubles)
            parts[part] = reason;
        body.emplace("parts", std::move(parts));
    }
    co_return http::json_response(found.worst == trouble::weight::unready ? 503 : 200, json::serialize(body));
}

}  // namespace callhook::api
