#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::app {

/// Which of the known words somebody may have meant, if one is near enough.
std::optional<std::string> suggest(std::string_view written, const std::vector<std::string>& known);

}  // namespace callhook::app
