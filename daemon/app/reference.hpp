#pragma once

#include <string>

namespace callhook::app {

/// Every setting as a Markdown page.
std::string reference_markdown();

/// The configuration file to start from: every setting with its help and, commented out, its default.
std::string reference_toml();

}  // namespace callhook::app
