#include "http/router.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace callhook::http {

std::vector<router::segment> router::parse(std::string_view pattern) {
    if (!pattern.starts_with('/')) throw std::invalid_argument{"a route's pattern starts with /"};
    std::vector<segment> segments;
    for (const auto part : split(pattern.substr(1), '/')) {
        if (part.starts_with('{') && part.ends_with('}') && part.size() > 2) {
            segments.push_back({std::string{part.substr(1, part.size() - 2)}, true});
        } else if (part.find_first_of("{}") != std::string_view::npos) {
            throw std::invalid_argument{"a route's parameter is a whole segment: " + std::string{pattern}};
        } else {
            segments.push_back({std::string{part}, false});
        }
    }
    return segments;
}

void router::add(std::string_view method, std::string_view pattern, std::shared_ptr<endpoint> target) {
    if (!target) throw std::invalid_argument{"a route needs an endpoint: " + std::string{pattern}};
    auto at = std::ranges::find_if(groups_, [&](const auto& g) { return g->pattern == pattern; });
    if (at == groups_.end()) {
        auto made = std::make_shared<group>(group{std::string{pattern}, parse(pattern), {}});
        // Literals before captures, so that the first group that matches is the most literal one.
        at = std::ranges::find_if(groups_, [&](const auto& g) {
            return std::ranges::lexicographical_compare(
                made->segments, g->segments, {}, &segment::captures, &segment::captures
            );
        });
        at = groups_.insert(at, std::move(made));
    }
    auto& entries = (*at)->entries;
    if (std::ranges::find(entries, method, &entry::method) != entries.end()) {
        throw std::invalid_argument{
            "a route is there twice: " + std::string{method} + " " + std::string{pattern}};
    }
    entries.push_back({std::string{method}, std::move(target)});
}

bool router::matches(const group& candidate, const std::vector<std::string_view>& path) {
    return std::ranges::equal(candidate.segments, path, [](const segment& wanted, std::string_view given) {
        return wanted.captures ? !given.empty() : wanted.text == given;
    });
}

bool router::capture(
    const group& matched, const std::vector<std::string_view>& path, std::vector<field>& into
) {
    into.reserve(path.size());
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (!matched.segments[i].captures) continue;
        auto value = percent_decode(path[i]);
        if (!value || *value == "." || *value == ".." || !is_utf8(*value)) return false;
        into.push_back({matched.segments[i].text, std::move(*value)});
    }
    return true;
}

router::match_result router::match(std::string_view method, std::string_view path) const {
    if (!path.starts_with('/')) return {};
    const auto parts = split(path.substr(1), '/');
    std::vector<std::string> allowed;
    for (const auto& candidate : groups_) {
        if (!matches(*candidate, parts)) continue;
        const auto of = [&](std::string_view wanted) {
            return std::ranges::find(candidate->entries, wanted, &entry::method);
        };
        auto found = of(method);
        if (found == candidate->entries.end() && method == "HEAD") found = of("GET");
        match_result matched;
        // Also before 405: a path that can never match answers 404 whatever the method.
        if (!capture(*candidate, parts, matched.parameters)) continue;
        if (found != candidate->entries.end()) {
            matched.target = found->target.get();
            matched.status = 200;
            matched.pattern = candidate->pattern;
            return matched;
        }
        for (const auto& e : candidate->entries) {
            allowed.push_back(e.method);
            if (e.method == "GET") allowed.emplace_back("HEAD");
        }
    }
    match_result refused;
    if (allowed.empty()) return refused;
    refused.status = 405;
    std::ranges::sort(allowed);
    const auto repeated = std::ranges::unique(allowed);
    allowed.erase(repeated.begin(), repeated.end());
    for (const auto& name : allowed) {
        if (!refused.allow.empty()) refused.allow += ", ";
        refused.allow += name;
    }
    return refused;
}

std::vector<router::route> router::routes() const {
    std::vector<route> all;
    for (const auto& g : groups_) {
        for (const auto& e : g->entries)
            all.push_back({e.method, g->pattern});
    }
    std::ranges::sort(all, [](const route& a, const route& b) {
        return std::tie(a.pattern, a.method) < std::tie(b.pattern, b.method);
    });
    return all;
}

}  // namespace callhook::http
