#pragma once

#include "api/guard.hpp"
#include "api/tokens.hpp"
#include "app/settings.hpp"
#include "feed/nats/settings.hpp"
#include "feed/outbound/configured_subscriptions.hpp"
#include "feed/outbound/target_url.hpp"
#include "http/server.hpp"
#include "ingest/hook_endpoint.hpp"
#include "pipeline/retention.hpp"
#include "pipeline/sequencer.hpp"
#include "sources/source.hpp"
#include "spool/settings.hpp"
#include "store/inbox.hpp"
#include "store/settings.hpp"

namespace callhook::app {

/// What each room takes, out of the checked settings. Only `app` knows both sides.
store::settings store_settings(const settings& values);
store::inbox_settings inbox_bounds(const settings& values);
spool::settings spool_settings(const settings& values);
/// How long a delivery waits for the database where there is a spool.
std::chrono::milliseconds spool_after(const settings& values);
pipeline::settings batch_settings(const settings& values);
pipeline::sequencer_settings sequencer_settings(const settings& values);
pipeline::retention_settings retention_bounds(const settings& values);
http::server_settings hooks_listener(const settings& values);
http::server_settings api_listener(const settings& values);
ingest::hook_settings hook_settings(const settings& values);
ingest::gatekeeper make_gatekeeper(const settings& values);
api::token_list make_tokens(const settings& values);
api::access_rules make_access(const settings& values);
feed::nats::settings nats_publishing(const settings& values);
feed::outbound::target_rules receiver_rules(const settings& values);
std::vector<feed::outbound::configured_subscriptions::wanted> wanted_subscriptions(const settings& values);

/// A decoder for each source. Throws `bad_result` where a zone or region is unknown: the settings table
/// checks that before.
sources::decoder_table make_decoders(const settings& values);

}  // namespace callhook::app
