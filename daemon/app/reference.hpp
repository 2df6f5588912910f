#pragma once

#include <string>
#include <vector>

namespace callhook::app {

/// A setting in words.
struct described_setting {
    std::string key{};       ///< its last part
    std::string variable{};  ///< `CALLHOOK_HOOKS_PORT`
    std::string type{};
    std::string fallback{};  ///< its default, as TOML
    std::string allowed{};   ///< empty: anything of the type
    std::string help{};
    bool in_file = true;  ///< whether it may stand in the file; else only in the environment
    bool reloadable = false;
};

struct described_section {
    std::string name{};  ///< `hooks`, `sources.NAME`
    std::string help{};  ///< in Markdown
    std::vector<described_setting> settings{};
};

/// Every setting, in the order of the table.
std::vector<described_section> describe_settings();

/// Every setting as a Markdown page.
std::string reference_markdown();

/// The configuration file to start from: every setting with its help and, commented out, its default.
std::string reference_toml();

}  // namespace callhook::app
