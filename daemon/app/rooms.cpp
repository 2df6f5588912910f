#include "app/rooms.hpp"

#include "sources/callpage/callpage.hpp"

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

pipeline::settings batch_settings(const settings& values) {
    const auto& p = values.pipeline;
    return {
        p.batch_deliveries,
        whole_seconds(p.outcome_deadline),
        whole_seconds(p.message_window),
        whole_seconds(p.message_call_window)};
}

pipeline::sequencer_settings sequencer_settings(const settings& values) {
    return {batch_settings(values), values.pipeline.poll_interval, values.pipeline.takeover_interval};
}

http::server_settings hooks_listener(const settings& values) {
    const auto& h = values.hooks;
    http::server_settings out{h.address, h.port, {}, "hooks"};
    out.limits.max_header = h.max_header;
    out.limits.max_body = h.max_body;
    out.limits.max_connections = h.max_connections;
    out.limits.header_timeout = h.header_timeout;
    out.limits.body_timeout = h.body_timeout;
    out.limits.idle_timeout = h.idle_timeout;
    out.limits.write_timeout = h.write_timeout;
    return out;
}

http::server_settings api_listener(const settings& values) {
    http::server_settings out{values.api.address, values.api.port, {}, "api"};
    out.limits.max_connections = values.api.max_connections;
    out.limits.max_body = 64 << 10;
    return out;
}

ingest::hook_settings hook_settings(const settings& values) {
    return {ingest::network_list{values.hooks.trusted_proxies}, values.hooks.answer_timeout};
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
                ingest::network_list{s.allow}}
        );
    }
    return ingest::gatekeeper{std::move(sources)};
}

sources::decoder_table make_decoders(const settings& values) {
    sources::decoder_table table;
    for (const auto& s : values.sources) {
        table.emplace(s.name, sources::callpage::make_decoder({s.time_zone, s.default_region}).value());
    }
    return table;
}

}  // namespace callhook::app
