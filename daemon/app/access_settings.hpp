#pragma once

#include "app/file_places.hpp"
#include "app/setting_problems.hpp"
#include "app/settings.hpp"

#include <vector>

namespace callhook::app {

/// Reads and checks the tokens' hashes and scopes; hashes come out in their one notation. Nothing of a hash
/// stands in a problem: somebody may have written the token itself.
void read_tokens(std::vector<token_settings>& tokens, const file_places& places, setting_problems& problems);

/// Reads the subscriptions' secrets, and checks them, their URLs and their filters.
void read_subscriptions(settings& values, const file_places& places, setting_problems& problems);

}  // namespace callhook::app
