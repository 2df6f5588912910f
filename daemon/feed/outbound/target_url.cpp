#include "feed/outbound/target_url.hpp"

#include <algorithm>

namespace callhook::feed::outbound {

namespace {

constexpr std::size_t longest = 2048;

error refused(const char* why) {
    return error{errc::invalid_input, why};
}

}  // namespace

result<target_url> parse_target_url(std::string_view url) {
    if (url.size() > longest) return refused("the URL is longer than 2048 characters");
    if (!std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7f; }))
        return refused("the URL holds a blank or a character that is no visible ASCII");
    if (url.find('#') != std::string_view::npos) return refused("the URL has a fragment");
    if (url.find_first_of("\\\"<>^`{|}") != std::string_view::npos)
        return refused("the URL holds a character that must be percent-encoded");
    const auto mark = url.find("://");
    const auto authority = mark == std::string_view::npos ? url.size() : mark + 3;
    const auto end = std::min(url.find_first_of("/?", authority), url.size());
    const auto origin = http::parse_origin(url.substr(0, end));
    if (!origin) return origin.error();
    auto target = std::string{url.substr(end)};
    if (!target.starts_with('/')) target.insert(0, 1, '/');
    return target_url{*origin, std::move(target)};
}

result<target_url> check_target_url(std::string_view url, const target_rules& rules) {
    auto read = parse_target_url(url);
    if (!read) return read;
    if (!read->origin.tls && !rules.allow_http)
        return refused(
            "the URL is not https://, so everybody on the way could read the events; outbound.allow_http "
            "would allow it"
        );
    const auto address = http::parse_address(read->origin.host);
    if (address && !rules.may_call(*address))
        return refused("the URL's address is not public, and outbound.allow does not name its network");
    return read;
}

}  // namespace callhook::feed::outbound
