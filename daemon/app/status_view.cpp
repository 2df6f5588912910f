#include "app/status_view.hpp"

#include "base/text.hpp"
#include "base/time_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace callhook::app {

namespace {

std::optional<std::int64_t> whole(std::optional<double> value) {
    if (!value) return {};
    return std::llround(*value);
}

std::optional<std::chrono::sys_seconds> moment(std::optional<double> seconds) {
    if (!seconds || *seconds <= 0) return {};
    return std::chrono::sys_seconds{std::chrono::seconds{std::llround(*seconds)}};
}

std::string word(const json::object& of, std::string_view key) {
    const auto* value = of.if_contains(key);
    const auto* text = value ? value->if_string() : nullptr;
    return text ? std::string{text->c_str()} : std::string{};
}

/// Each value of a label, with what it is to be put into.
template <class Take>
void for_each_name(const metric_text& metrics, std::string_view metric, const char* label, Take take) {
    for (const auto& one : metrics.all(metric)) {
        const auto name = one.labels.find(label);
        if (name != one.labels.end()) take(name->second, one.value);
    }
}

template <class View>
View& named(std::map<std::string, View>& all, const std::string& name) {
    auto& one = all[name];
    one.name = name;
    return one;
}

template <class View>
std::vector<View> values_of(std::map<std::string, View> all) {
    std::vector<View> out;
    for (auto& [name, one] : all)
        out.push_back(std::move(one));
    return out;
}

std::vector<source_view> read_sources(const metric_text& m) {
    std::map<std::string, source_view> all;
    for_each_name(m, "callhook_gap_calls_total", "source", [&](const auto& name, double value) {
        named(all, name).gap_calls += std::llround(value);
    });
    for_each_name(m, "callhook_backfill_breaker_open", "source", [&](const auto& name, double value) {
        named(all, name).breaker_open = value > 0;
    });
    for_each_name(
        m,
        "callhook_backfill_swept_until_timestamp_seconds",
        "source",
        [&](const auto& name, double value) { named(all, name).swept_until = moment(value); }
    );
    return values_of(std::move(all));
}

std::vector<follower_view> read_consumers(const metric_text& m) {
    std::map<std::string, follower_view> all;
    for_each_name(m, "callhook_feed_consumer_lag_events", "consumer", [&](const auto& name, double value) {
        named(all, name).lag_events = std::llround(value);
    });
    for_each_name(m, "callhook_feed_consumer_lag_seconds", "consumer", [&](const auto& name, double value) {
        named(all, name).lag_seconds = value;
    });
    return values_of(std::move(all));
}

std::vector<follower_view> read_subscriptions(const metric_text& m) {
    std::map<std::string, follower_view> all;
    const auto each = [&](std::string_view metric, auto take) {
        for_each_name(m, metric, "subscription", [&](const auto& name, double value) {
            take(named(all, name), std::llround(value));
        });
    };
    each("callhook_outbound_lag_events", [](follower_view& one, auto value) { one.lag_events = value; });
    each("callhook_outbound_waiting", [](follower_view& one, auto value) { one.waiting = value; });
    each("callhook_outbound_dead", [](follower_view& one, auto value) { one.dead = value; });
    each("callhook_outbound_paused", [](follower_view& one, auto value) { one.paused = value > 0; });
    return values_of(std::move(all));
}

template <class T>
json::value or_null(const std::optional<T>& value) {
    return value ? json::value(*value) : json::value(nullptr);
}

json::value or_null(const std::optional<std::chrono::sys_seconds>& at) {
    return at ? json::value(to_rfc3339(utc_time{*at})) : json::value(nullptr);
}

std::string number(double value, const char* format = "%.0f") {
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), format, value);
    return text.data();
}

std::string pace_text(const std::optional<double>& pace) {
    return pace ? ", " + number(*pace, "%.1f") + "/s" : "";
}

/// `12 s`, `3 min`, `5 h`, `2 d`
std::string age_text(double seconds) {
    if (seconds < 120) return number(seconds, "%.1f") + " s";
    if (seconds < 7'200) return number(seconds / 60) + " min";
    if (seconds < 172'800) return number(seconds / 3'600) + " h";
    return number(seconds / 86'400) + " d";
}

std::string age_text(std::chrono::sys_seconds at, std::chrono::sys_seconds now) {
    return age_text(static_cast<double>(std::max<std::int64_t>((now - at).count(), 0)));
}

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(text.size() + 1, width), ' ');
    return text;
}

std::string behind(std::int64_t events) {
    return padded(events == 0 ? "up to date" : std::to_string(events) + " behind", 18);
}

class page {
public:
    void row(const std::string& name, const std::string& text) {
        lines_.push_back(padded(name, 14) + escape_controls(trim(text)));
    }
    /// Lines of several of a kind: only the first says which.
    void rows(const std::string& name, const std::vector<std::string>& texts) {
        for (const auto& text : texts)
            row(&text == &texts.front() ? name : "", text);
    }
    std::vector<std::string> take() { return std::move(lines_); }

private:
    std::vector<std::string> lines_;
};

std::string spool_text(const overview& seen, std::chrono::sys_seconds now) {
    if (!seen.spooled) return "none";
    if (*seen.spooled == 0) return "nothing waits";
    auto text = std::to_string(*seen.spooled) + " deliveries wait";
    if (seen.spool_oldest) text += ", the oldest for " + age_text(*seen.spool_oldest, now);
    if (seen.spool_bytes)
        text += ", " + number(static_cast<double>(*seen.spool_bytes) / (1 << 20), "%.1f") + " MiB";
    return text;
}

std::string pipeline_text(const overview& seen) {
    std::string text = !seen.leads ? "off here" : *seen.leads ? "leads" : "stands by";
    if (seen.pipeline_lag_events) text += ", " + number(*seen.pipeline_lag_events) + " deliveries to work on";
    if (seen.pipeline_lag_seconds) text += ", " + age_text(*seen.pipeline_lag_seconds) + " behind";
    return text;
}

std::string source_text(const source_view& one, std::chrono::sys_seconds now) {
    auto text = padded(one.name, 18) + padded(std::to_string(one.gap_calls) + " gaps", 12);
    if (one.swept_until) text += "compared up to " + age_text(*one.swept_until, now) + " ago";
    if (one.breaker_open) text += ", its API is left alone for now";
    return text;
}

std::string subscription_text(const follower_view& one) {
    auto text = padded(one.name, 18) + behind(one.lag_events);
    text += std::to_string(one.waiting.value_or(0)) + " to be tried again, " +
            std::to_string(one.dead.value_or(0)) + " given up";
    return text + (one.paused ? ", PAUSED" : "");
}

template <class View, class Text>
std::vector<std::string> texts_of(const std::vector<View>& all, Text text) {
    std::vector<std::string> out;
    for (const auto& one : all)
        out.push_back(text(one));
    return out;
}

json::object follower_json(const follower_view& one, bool subscription) {
    json::object out{{"name", one.name}, {"lag_events", one.lag_events}};
    if (!subscription) {
        out.emplace("lag_seconds", or_null(one.lag_seconds));
        return out;
    }
    out.emplace("waiting", or_null(one.waiting));
    out.emplace("dead", or_null(one.dead));
    out.emplace("paused", one.paused);
    return out;
}

}  // namespace

overview read_overview(const metric_text& m, const json::value& readiness) {
    overview out;
    if (const auto* object = readiness.if_object()) {
        out.status = word(*object, "status");
        const auto* parts = object->if_contains("parts");
        if (parts && parts->is_object()) {
            for (const auto& [name, value] : parts->get_object())
                out.parts.emplace_back(name, value.is_string() ? value.get_string().c_str() : "");
        }
    }
    for (const auto& one : m.all("callhook_build_info")) {
        const auto version = one.labels.find("version");
        if (version != one.labels.end()) out.version = version->second;
    }
    out.deliveries = m.sum("callhook_deliveries_total").value_or(0);
    for_each_name(m, "callhook_deliveries_total", "result", [&](const auto& name, double value) {
        out.results[name] += value;
    });
    out.quarantined = whole(m.sum("callhook_quarantined"));
    out.pipeline_lag_events = m.sum("callhook_pipeline_lag_events");
    out.pipeline_lag_seconds = m.sum("callhook_pipeline_lag_seconds");
    if (const auto leads = m.sum("callhook_pipeline_leader")) out.leads = *leads > 0;
    out.feed_position = whole(m.sum("callhook_feed_position"));
    out.streams = whole(m.sum("callhook_feed_streams"));
    // A daemon without a spool measures 0 of everything, and no room.
    if (m.sum("callhook_spool_room_bytes")) {
        out.spooled = whole(m.sum("callhook_spool_deliveries"));
        out.spool_bytes = whole(m.sum("callhook_spool_bytes"));
        out.spool_oldest = moment(m.sum("callhook_spool_oldest_timestamp_seconds"));
    }
    if (const auto connected = m.sum("callhook_nats_connected")) out.nats_connected = *connected > 0;
    out.nats_published = whole(m.sum("callhook_nats_published_total"));
    out.sources = read_sources(m);
    out.consumers = read_consumers(m);
    out.subscriptions = read_subscriptions(m);
    return out;
}

rates rates_between(const overview& before, const overview& after, std::chrono::duration<double> time) {
    const auto pace = [&](double was, double is) -> std::optional<double> {
        if (is < was || time.count() <= 0) return {};
        return (is - was) / time.count();
    };
    const auto known = [&](const std::optional<std::int64_t>& was, const std::optional<std::int64_t>& is) {
        return was && is ? pace(static_cast<double>(*was), static_cast<double>(*is)) : std::nullopt;
    };
    return {
        pace(before.deliveries, after.deliveries),
        known(before.feed_position, after.feed_position),
        known(before.nats_published, after.nats_published)};
}

json::object to_json(const overview& seen, const rates& pace, const std::string& url) {
    json::object parts;
    for (const auto& [name, state] : seen.parts)
        parts.emplace(name, state);
    json::object results;
    for (const auto& [name, value] : seen.results)
        results.emplace(name, value);
    json::array sources;
    for (const auto& one : seen.sources) {
        sources.emplace_back(json::object{
            {"name", one.name},
            {"gap_calls", one.gap_calls},
            {"breaker_open", one.breaker_open},
            {"swept_until", or_null(one.swept_until)}});
    }
    json::array consumers;
    for (const auto& one : seen.consumers)
        consumers.emplace_back(follower_json(one, false));
    json::array subscriptions;
    for (const auto& one : seen.subscriptions)
        subscriptions.emplace_back(follower_json(one, true));
    return {
        {"url", url},
        {"version", seen.version},
        {"status", seen.status},
        {"parts", std::move(parts)},
        {"deliveries",
         json::object{
             {"total", seen.deliveries},
             {"per_second", or_null(pace.deliveries)},
             {"results", std::move(results)}}},
        {"quarantined", or_null(seen.quarantined)},
        {"spool",
         json::object{
             {"deliveries", or_null(seen.spooled)},
             {"bytes", or_null(seen.spool_bytes)},
             {"oldest", or_null(seen.spool_oldest)}}},
        {"pipeline",
         json::object{
             {"leads", or_null(seen.leads)},
             {"lag_deliveries", or_null(seen.pipeline_lag_events)},
             {"lag_seconds", or_null(seen.pipeline_lag_seconds)}}},
        {"feed",
         json::object{
             {"position", or_null(seen.feed_position)},
             {"per_second", or_null(pace.events)},
             {"streams", or_null(seen.streams)}}},
        {"sources", std::move(sources)},
        {"consumers", std::move(consumers)},
        {"subscriptions", std::move(subscriptions)},
        {"nats",
         json::object{
             {"connected", or_null(seen.nats_connected)},
             {"published", or_null(seen.nats_published)},
             {"per_second", or_null(pace.published)}}}};
}

std::vector<std::string> to_lines(
    const overview& seen, const rates& pace, const std::string& url, std::chrono::sys_seconds now
) {
    page out;
    out.row("callhookd", (seen.status == "ok" ? "ready" : seen.status) + ", " + seen.version + " at " + url);
    for (const auto& [part, state] : seen.parts) {
        if (state != "ok") out.row("  " + part, state);
    }
    auto received = number(seen.deliveries) + " since it started" + pace_text(pace.deliveries);
    for (const auto& [name, value] : seen.results) {
        if (value > 0) received += ", " + number(value) + ' ' + name;
    }
    out.row("webhooks", received);
    if (seen.quarantined) out.row("quarantine", std::to_string(*seen.quarantined) + " deliveries");
    out.row("spool", spool_text(seen, now));
    out.row("pipeline", pipeline_text(seen));
    auto feed = "position " + std::to_string(seen.feed_position.value_or(0)) + pace_text(pace.events);
    if (seen.streams) feed += ", " + std::to_string(*seen.streams) + " streams";
    out.row("feed", feed);
    if (seen.nats_connected) {
        const auto* state = *seen.nats_connected ? "connected" : "NOT connected";
        out.row(
            "nats",
            std::string{state} + ", " + std::to_string(seen.nats_published.value_or(0)) + " published" +
                pace_text(pace.published)
        );
    }
    out.rows("sources", texts_of(seen.sources, [&](const auto& one) { return source_text(one, now); }));
    out.rows("consumers", texts_of(seen.consumers, [](const auto& one) {
                 return padded(one.name, 18) + behind(one.lag_events) +
                        (one.lag_seconds && one.lag_events > 0 ? age_text(*one.lag_seconds) : "");
             }));
    out.rows("subscriptions", texts_of(seen.subscriptions, subscription_text));
    return out.take();
}

}  // namespace callhook::app
