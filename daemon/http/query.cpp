#include "http/query.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <utility>

namespace callhook::http {

result<query_parameters> query_parameters::parse(std::string_view query) {
    query_parameters parsed;
    for (const auto part : split(query, '&')) {
        if (part.empty()) continue;
        const auto equals = part.find('=');
        auto name = percent_decode(part.substr(0, equals), true);
        auto value = percent_decode(equals == std::string_view::npos ? "" : part.substr(equals + 1), true);
        if (!name || !value) return error{errc::invalid_input, "the query holds a broken percent escape"};
        if (!is_utf8(*name) || !is_utf8(*value))
            return error{errc::invalid_input, "the query holds bytes that are not UTF-8"};
        parsed.parameters_.push_back({std::move(*name), std::move(*value)});
    }
    return parsed;
}

std::optional<std::string_view> query_parameters::get(std::string_view name) const {
    const auto at = std::ranges::find(parameters_, name, &field::name);
    if (at == parameters_.end()) return {};
    return at->value;
}

std::vector<std::string_view> query_parameters::all(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const auto& p : parameters_) {
        if (p.name == name) values.emplace_back(p.value);
    }
    return values;
}

std::vector<std::string_view> query_parameters::names() const {
    std::vector<std::string_view> distinct;
    for (const auto& p : parameters_) {
        if (std::ranges::find(distinct, p.name) == distinct.end()) distinct.emplace_back(p.name);
    }
    return distinct;
}

}  // namespace callhook::http
