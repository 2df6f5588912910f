#pragma once

#include "app/settings.hpp"

#include <string>
#include <vector>

namespace callhook::app {

/// The keys of settings that differ and are not taken in by a reload: `hooks.port`, `sources.main.time_zone`,
/// and `sources.new` for a section that came or went. In the order of the tables.
std::vector<std::string> keys_that_need_a_restart(settings running, settings wanted);

/// The keys that a reload takes in, for people: `log.level`, `sources.NAME.allow`; `tokens.NAME` for sections
/// that it takes in as a whole.
std::vector<std::string> reloadable_keys();

}  // namespace callhook::app
