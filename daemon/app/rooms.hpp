#pragma once

#include "app/settings.hpp"
#include "http/server.hpp"
#include "ingest/hook_endpoint.hpp"
#include "pipeline/sequencer.hpp"
#include "sources/source.hpp"
#include "store/inbox.hpp"
#include "store/settings.hpp"

namespace callhook::app {

/// What each room takes, out of the checked settings. Only `app` knows both sides.
store::settings store_settings(const settings& values);
store::inbox_settings inbox_bounds(const settings& values);
pipeline::settings batch_settings(const settings& values);
pipeline::sequencer_settings sequencer_settings(const settings& values);
http::server_settings hooks_listener(const settings& values);
http::server_settings api_listener(const settings& values);
ingest::hook_settings hook_settings(const settings& values);
ingest::gatekeeper make_gatekeeper(const settings& values);

/// A decoder for each source. Throws `bad_result` where a zone or region is unknown: the settings table
/// checks that before.
sources::decoder_table make_decoders(const settings& values);

}  // namespace callhook::app
