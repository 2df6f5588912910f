#pragma once

#include "app/setting_problems.hpp"
#include "app/settings.hpp"

#include <filesystem>

namespace callhook::app {

/// Reads the files that a source's settings name for its hook and checks every secret of it, whether from a
/// file or from the environment. Relative paths start at `base`. Problems are filed under `sources.NAME.…`
/// and never hold what a file holds.
void read_source_secrets(
    source_settings& source, const std::filesystem::path& base, setting_problems& problems
);

/// The same for the vendor's API: reads and checks the key, sees that the file of authorities can be used,
/// and puts `base` before its path. Sources without a key are fine.
void read_api_access(source_settings& source, const std::filesystem::path& base, setting_problems& problems);

}  // namespace callhook::app
