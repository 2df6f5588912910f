#pragma once

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace callhook::app {

/// Where the files are that settings name by relative paths.
class file_places {
public:
    /// `credentials` is the folder of systemd's `LoadCredential=`; empty: there is none.
    file_places(std::filesystem::path config_folder, std::filesystem::path credentials = {})
        : config_folder_{std::move(config_folder)}, credentials_{std::move(credentials)} {}

    /// The path of a named file: a relative one is looked for among the credentials and else starts at the
    /// configuration file's folder.
    [[nodiscard]] std::filesystem::path find(const std::filesystem::path& named) const {
        if (named.is_relative() && !named.empty() && !credentials_.empty()) {
            std::error_code ignored;
            auto credential = credentials_ / named;
            if (std::filesystem::exists(credential, ignored)) return credential;
        }
        return config_folder_ / named;
    }

private:
    std::filesystem::path config_folder_;
    std::filesystem::path credentials_;
};

}  // namespace callhook::app
