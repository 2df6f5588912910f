#include "http/message.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace callhook::http {

std::string_view request_head::header(std::string_view name) const noexcept {
    for (const auto& f : fields) {
        if (equals_ignoring_case(f.name, name)) return f.value;
    }
    return {};
}

std::vector<std::string_view> request_head::header_values(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const auto& f : fields) {
        if (equals_ignoring_case(f.name, name)) values.emplace_back(f.value);
    }
    return values;
}

std::string_view request_head::path_parameter(std::string_view name) const noexcept {
    for (const auto& p : path_parameters) {
        if (p.name == name) return p.value;
    }
    return {};
}

std::string_view reason_phrase(unsigned status) noexcept {
    using entry = std::pair<unsigned, std::string_view>;
    static constexpr std::array phrases{
        entry{100, "Continue"},
        entry{200, "OK"},
        entry{201, "Created"},
        entry{202, "Accepted"},
        entry{204, "No Content"},
        entry{301, "Moved Permanently"},
        entry{302, "Found"},
        entry{303, "See Other"},
        entry{304, "Not Modified"},
        entry{307, "Temporary Redirect"},
        entry{308, "Permanent Redirect"},
        entry{400, "Bad Request"},
        entry{401, "Unauthorized"},
        entry{403, "Forbidden"},
        entry{404, "Not Found"},
        entry{405, "Method Not Allowed"},
        entry{406, "Not Acceptable"},
        entry{408, "Request Timeout"},
        entry{409, "Conflict"},
        entry{410, "Gone"},
        entry{411, "Length Required"},
        entry{412, "Precondition Failed"},
        entry{413, "Content Too Large"},
        entry{414, "URI Too Long"},
        entry{415, "Unsupported Media Type"},
        entry{417, "Expectation Failed"},
        entry{421, "Misdirected Request"},
        entry{422, "Unprocessable Content"},
        entry{428, "Precondition Required"},
        entry{429, "Too Many Requests"},
        entry{431, "Request Header Fields Too Large"},
        entry{500, "Internal Server Error"},
        entry{501, "Not Implemented"},
        entry{502, "Bad Gateway"},
        entry{503, "Service Unavailable"},
        entry{504, "Gateway Timeout"},
        entry{507, "Insufficient Storage"},
    };
    const auto* at = std::ranges::find(phrases, status, &entry::first);
    return at == phrases.end() ? std::string_view{"Unknown"} : at->second;
}

response problem(unsigned status, std::string_view detail) {
    return problem(status, reason_phrase(status), detail, json::object{});
}

response problem(unsigned status, std::string_view title, std::string_view detail) {
    return problem(status, title, detail, json::object{});
}

response problem(
    unsigned status, std::string_view title, std::string_view detail, const boost::json::object& members
) {
    json::object body;
    body["type"] = "about:blank";
    body["title"] = title;
    body["status"] = status;
    if (!detail.empty()) body["detail"] = detail;
    for (const auto& [name, value] : members)
        body.insert_or_assign(name, value);
    return {.status = status, .content_type = "application/problem+json", .body = json::serialize(body)};
}

response json_response(unsigned status, std::string body) {
    return {.status = status, .content_type = "application/json", .body = std::move(body)};
}

}  // namespace callhook::http
