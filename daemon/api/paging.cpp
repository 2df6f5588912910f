#include "api/paging.hpp"

#include <algorithm>

namespace callhook::api {

http::response refusal(const error& e) {
    switch (e.code) {
        case errc::invalid_input:
            return http::problem(400, e.message);
        case errc::not_found:
            return http::problem(404, e.message);
        default:
            break;
    }
    auto answer = http::problem(503, e.message);
    answer.fields.push_back({"Retry-After", "1"});
    return answer;
}

result<void> only_known(const http::query_parameters& query, std::initializer_list<std::string_view> known) {
    for (const auto name : query.names()) {
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        std::string list;
        for (const auto k : known)
            list += (list.empty() ? "" : ", ") + std::string{k};
        return error{errc::invalid_input, "unknown parameter; known are " + list, ""};
    }
    return {};
}

result<std::size_t> limit_of(const http::query_parameters& query, std::size_t most) {
    const auto text = query.get("limit");
    if (!text) return std::min<std::size_t>(100, most);
    const auto limit = parse_integer<std::size_t>(*text);
    if (!limit || *limit == 0) return error{errc::invalid_input, "limit is a whole number, 1 or more", ""};
    return std::min(*limit, most);
}

result<page> page_of(const http::query_parameters& query, std::size_t most) {
    const auto limit = limit_of(query, most);
    if (!limit) return limit.error();
    page out{{}, *limit};
    if (const auto cursor = query.get("cursor")) {
        out.before = parse_uuid(*cursor);
        if (!out.before) return error{errc::invalid_input, "cursor is not one that this API gave out", ""};
    }
    return out;
}

std::string pack(std::initializer_list<std::string_view> parts) {
    std::string out;
    for (const auto part : parts) {
        out += part;
        out += '~';
    }
    if (!out.empty()) out.pop_back();
    return out;
}

result<std::vector<std::string>> unpack(std::string_view cursor, std::size_t parts) {
    std::vector<std::string> out;
    for (const auto part : split(cursor, '~'))
        out.emplace_back(part);
    if (out.size() != parts)
        return error{errc::invalid_input, "cursor is not one that this API gave out", ""};
    return out;
}

}  // namespace callhook::api
