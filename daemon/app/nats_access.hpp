#pragma once

#include "app/file_places.hpp"
#include "app/setting_problems.hpp"
#include "app/settings.hpp"

namespace callhook::app {

/// Checks what the table cannot say of `[nats]`: URLs, names, and how they fit each other. No problem repeats
/// a URL.
void check_nats(const nats_settings& nats, setting_problems& problems);

/// Sees that the files which `[nats]` names can be used, those with secrets by nobody else, and puts `base`
/// before their paths. What stands in them is read at every connection.
void check_nats_files(nats_settings& nats, const file_places& places, setting_problems& problems);

}  // namespace callhook::app
