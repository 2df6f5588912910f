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

}  // namespace callhook::app
