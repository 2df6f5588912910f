#pragma once

#include "app/handed_sockets.hpp"
#include "app/secret_files.hpp"
#include "app/setting_problems.hpp"
#include "app/settings.hpp"

#include <map>
#include <string>
#include <vector>

namespace callhook::app {

inline constexpr const char* default_config_file = "/etc/callhook/callhookd.toml";

/// Names and values of the environment.
using environment_map = std::map<std::string, std::string>;

struct load_request {
    std::string file{};  ///< from the command line; empty: `CALLHOOK_CONFIG`, else the default file, which
                         ///< may be missing
    environment_map environment{};
    bool needs_sources = true;   ///< whether having no source is a problem
    bool needs_secrets = true;   ///< whether secrets of sources and subscriptions and hashes of tokens are
                                 ///< read and checked, and what goes with them
    bool needs_api_keys = true;  ///< whether what the sources need for the vendor's API is read and checked
    std::string default_file = default_config_file;
    std::vector<handed_place>
        handed_over{};  ///< where listeners are, whatever else says where they should be
};

struct load_outcome {
    settings values{};  ///< usable only if there is no problem
    std::vector<setting_problem> problems{};
    std::string file{};  ///< the file that was read; empty if there was none
    std::vector<secret_file> secret_files{};

    [[nodiscard]] bool ok() const noexcept { return problems.empty(); }
};

/// Environment over file over default. Finds everything that is wrong, not only the first thing; a file that
/// is no TOML is one problem alone.
load_outcome load_settings(const load_request& request);

}  // namespace callhook::app
