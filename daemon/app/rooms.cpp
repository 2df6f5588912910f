#include "app/rooms.hpp"

#include "feed/feed_request.hpp"
#include "sources/callpage/callpage.hpp"

#include <algorithm>

namespace callhook::app {

namespace {

std::chrono::seconds whole_seconds(milliseconds time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time);
}

}  // namespace

store::settings store_settings(const settings& values) {
    return {values.database.url, values.database.connect_timeout, values.database.statement_timeout};
}

store::inbox_settings inbox_bounds(const settings& values) {
    const auto& inbox = values.inbox;
    return {inbox.queue_deliveries, inbox.queue_bytes, inbox.batch_deliveries, inbox.batch_bytes};
}

spool::settings spool_settings(const settings& values) {
    const auto& s = values.spool;
    return {s.directory, s.max_bytes, s.keep_free, inbox_bounds(values)};
}

std::chrono::milliseconds spool_after(const settings& values) {
    return std::min(values.spool.after, values.hooks.answer_timeout / 2);
}

pipeline::settings batch_settings(const settings& values) {
    const auto& p = values.pipeline;
    return {
        p.batch_deliveries,
        whole_seconds(p.outcome_deadline),
        whole_seconds(p.message_window),
        whole_seconds(p.message_call_window),
        values.erasure.later == "erase"};
}

pipeline::sequencer_settings sequencer_settings(const settings& values) {
    const auto& folder = values.spool.directory;
    return {
        batch_settings(values),
        values.pipeline.poll_interval,
        values.pipeline.takeover_interval,
        values.pipeline.burst_patience,
        folder.empty() ? std::string{} : folder + "/feed.seen"};
}

pipeline::retention_settings retention_bounds(const settings& values) {
    const auto& r = values.retention;
    return {r.deliveries, r.events, r.dead_letters};
}

namespace {

/// Answers to webhooks are short.
constexpr std::size_t hooks_send_buffer = std::size_t{16} << 10;

/// Peers behind whom there may be many: what is bounded by address is not bounded for them. Where no proxy is
/// named, that is whoever is on this machine: a proxy that ought to have been.
http::network_list proxies(const settings& values) {
    const auto& named = values.hooks.trusted_proxies;
    if (named.empty()) return http::network_list{{"127.0.0.0/8", "::1"}};
    return http::network_list{named};
}

}  // namespace

http::server_settings hooks_listener(const settings& values) {
    const auto& h = values.hooks;
    http::server_settings out;
    out.address = h.address;
    out.port = h.port;
    out.name = "hooks";
    out.tls = h.tls.identity;
    out.limits.max_header = h.max_header;
    out.limits.max_body = h.max_body;
    out.limits.max_connections = h.max_connections;
    out.limits.max_connections_per_address = h.max_connections_per_address;
    out.uncounted = proxies(values);
    out.limits.send_buffer = hooks_send_buffer;
    out.limits.header_timeout = h.header_timeout;
    out.limits.body_timeout = h.body_timeout;
    out.limits.idle_timeout = h.idle_timeout;
    out.limits.write_timeout = h.write_timeout;
    return out;
}

http::server_settings api_listener(const settings& values) {
    http::server_settings out;
    out.address = values.api.address;
    out.port = values.api.port;
    out.name = "api";
    out.tls = values.api.tls.identity;
    out.limits.max_connections = values.api.max_connections;
    out.limits.write_timeout = values.api.write_timeout;
    out.limits.max_body = 64 << 10;
    return out;
}

ingest::hook_settings hook_settings(const settings& values) {
    return {
        http::network_list{values.hooks.trusted_proxies},
        values.hooks.answer_timeout,
        values.hooks.requests_per_minute,
        proxies(values)};
}

ingest::gatekeeper make_gatekeeper(const settings& values) {
    std::map<std::string, ingest::source_access, std::less<>> sources;
    for (const auto& s : values.sources) {
        sources.emplace(
            s.name,
            ingest::source_access{
                s.secrets,
                s.basic_auth,
                s.required_header,
                s.required_header_value,
                http::network_list{s.allow}}
        );
    }
    return ingest::gatekeeper{std::move(sources)};
}

api::access_rules make_access(const settings& values) {
    return {make_tokens(values), values.api.allowed_hosts};
}

api::token_list make_tokens(const settings& values) {
    std::vector<api::token> tokens;
    for (const auto& t : values.tokens) {
        api::token one{t.name, api::parse_token_hash(t.hash).value(), {}};
        for (const auto& scope : t.scopes)
            one.scopes.push_back(api::parse_scope(scope).value());
        tokens.push_back(std::move(one));
    }
    return api::token_list{std::move(tokens)};
}

feed::nats::settings nats_publishing(const settings& values) {
    const auto& n = values.nats;
    feed::nats::settings out;
    for (const auto& url : n.servers)
        out.servers.push_back(feed::nats::parse_server(url.reveal()).value());
    out.who = {n.credentials_file, n.ca_file, n.certificate_file, n.key_file};
    out.stream = {n.stream, n.subject_prefix, static_cast<std::int64_t>(n.replicas)};
    out.create_stream = n.create_stream;
    out.filter.types = n.types;
    out.filter.sources = n.sources;
    out.batch = n.batch;
    out.timeout = n.timeout;
    return out;
}

feed::outbound::target_rules receiver_rules(const settings& values) {
    return {values.outbound.allow_http, http::address_guard{http::network_list{values.outbound.allow}}};
}

std::vector<feed::outbound::configured_subscriptions::wanted> wanted_subscriptions(const settings& values) {
    const auto unless_zero = [](milliseconds time) {
        return time.count() > 0 ? std::optional{time} : std::nullopt;
    };
    std::vector<feed::outbound::configured_subscriptions::wanted> out;
    for (const auto& s : values.subscriptions) {
        store::subscription_draft draft;
        draft.name = s.name;
        draft.origin = store::subscription_origin::config;
        draft.url = s.url;
        draft.mode = s.mode;
        draft.filter = {s.types, {}, s.subjects, s.widgets};
        for (const auto& source : s.sources)
            draft.filter.sources.push_back(feed::source_name(source));
        draft.timeout = unless_zero(s.timeout);
        draft.schedule = s.schedule;
        draft.pause_after = unless_zero(s.pause_after);
        out.push_back({std::move(draft), s.start});
    }
    return out;
}

sources::decoder_table make_decoders(const settings& values) {
    sources::decoder_table table;
    for (const auto& s : values.sources) {
        table.emplace(s.name, sources::callpage::make_decoder({s.time_zone, s.default_region}).value());
    }
    return table;
}

}  // namespace callhook::app
