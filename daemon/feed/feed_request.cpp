#include "feed/feed_request.hpp"

#include "base/text.hpp"
#include "feed/cloud_events.hpp"

#include <algorithm>
#include <vector>

namespace callhook::feed {

namespace {

std::vector<std::string> list(const http::query_parameters& query, std::string_view name) {
    std::vector<std::string> out;
    for (const auto value : query.all(name)) {
        for (const auto part : split(value, ',')) {
            if (!part.empty()) out.emplace_back(part);
        }
    }
    return out;
}

result<store::event_filter> read_filter(const http::query_parameters& query) {
    store::event_filter out{list(query, "type"), {}, list(query, "subject"), {}};
    for (const auto& source : list(query, "source"))
        out.sources.push_back(source_name(source));
    for (const auto& text : list(query, "widget")) {
        const auto id = parse_integer<std::int64_t>(text);
        if (!id) return error{errc::invalid_input, "widget is a widget's number", ""};
        out.widgets.push_back(*id);
    }
    return out;
}

}  // namespace

result<http::query_parameters> read_query(
    const http::request_head& request, std::initializer_list<std::string_view> known
) {
    auto query = http::query_parameters::parse(request.query);
    if (!query) return query.error();
    for (const auto name : query->names()) {
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        std::string message = "unknown parameter";
        for (const auto one : known)
            message.append(one == *known.begin() ? "; known are " : ", ").append(one);
        return error{errc::invalid_input, std::move(message), ""};
    }
    return query;
}

bool accepts(const http::request_head& request, std::string_view media_type) {
    for (const auto value : request.header_values("Accept")) {
        for (const auto part : split(value, ',')) {
            if (equals_ignoring_case(trim(part.substr(0, part.find(';'))), media_type)) return true;
        }
    }
    return false;
}

std::string source_name(std::string_view source) {
    constexpr std::string_view prefix = "/callhook/";
    if (source.starts_with(prefix)) source.remove_prefix(prefix.size());
    return std::string{source};
}

result<feed_request> read_feed_request(
    const http::request_head& request, const feed_settings& how, std::initializer_list<std::string_view> known
) {
    const auto query = read_query(request, known);
    if (!query) return query.error();
    feed_request out;
    out.last_event_id = request.header("Last-Event-ID");
    if (out.last_event_id.empty()) out.last_event_id = query->get("lastEventId").value_or("");
    if (const auto text = query->get("timeout")) {
        const auto ms = parse_integer<std::int64_t>(*text);
        if (!ms || *ms < 0)
            return error{errc::invalid_input, "timeout is a number of milliseconds, 0 or more", ""};
        out.timeout = std::min(std::chrono::milliseconds{*ms}, how.long_poll_max);
    }
    out.limit = how.page_limit;
    if (const auto text = query->get("limit")) {
        const auto limit = parse_integer<std::size_t>(*text);
        if (!limit || *limit == 0)
            return error{errc::invalid_input, "limit is a number of events, 1 or more", ""};
        out.limit = std::min(*limit, how.page_limit);
    }
    auto filter = read_filter(*query);
    if (!filter) return filter.error();
    out.filter = std::move(*filter);
    if (accepts(request, stream_media_type)) {
        out.form = feed_form::stream;
    } else if (accepts(request, lines_media_type)) {
        out.form = feed_form::lines;
    }
    return out;
}

http::response feed_refusal(const error& e) {
    const auto status = [&] {
        switch (e.code) {
            case errc::invalid_input:
                return 400U;
            case errc::not_found:
                return 404U;
            case errc::gone:
                return 410U;
            case errc::conflict:
                return 409U;
            default:
                return 503U;
        }
    };
    auto answer = http::problem(status(), e.message);
    if (e.retryable()) answer.fields.push_back({"Retry-After", "1"});
    return answer;
}

}  // namespace callhook::feed
