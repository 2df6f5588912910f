#pragma once

#include "app/setting_problems.hpp"
#include "app/settings.hpp"

#include <string_view>

namespace callhook::app {

/// Whether a source may be called so: `[a-z0-9][a-z0-9_-]{0,31}`.
bool is_source_name(std::string_view name);

/// Checks what the table cannot say: addresses, networks, zones, and how settings fit each other. Puts
/// networks into canonical notation. Says nothing of keys that have a problem already.
void check_rules(settings& values, setting_problems& problems);

/// Checks that each API key belongs to one source, once the keys have been read: an account's history has the
/// calls of all its widgets, and two sources that ask for it would both have them.
void check_api_keys(const std::vector<source_settings>& sources, setting_problems& problems);

}  // namespace callhook::app
