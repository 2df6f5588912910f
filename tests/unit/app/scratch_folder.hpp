#pragma once

#include "app/load_settings.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace callhook::app {

/// A folder of its own for one test, gone afterwards.
class scratch_folder {
public:
    scratch_folder() {
        auto pattern = (std::filesystem::temp_directory_path() / "callhook-app-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;
    ~scratch_folder() { std::filesystem::remove_all(path_); }

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

    std::string write(const std::string& name, std::string_view content, unsigned mode = 0600) const {
        const auto file = path_ / name;
        std::ofstream{file} << content;
        std::filesystem::permissions(file, static_cast<std::filesystem::perms>(mode));
        return file.string();
    }

private:
    std::filesystem::path path_;
};

inline constexpr std::string_view good_secret = "0123456789abcdefSECRET";

/// An environment that is enough by itself.
inline environment_map enough() {
    return {
        {"CALLHOOK_DATABASE_URL", "postgresql:///callhook"},
        {"CALLHOOK_SOURCES_MAIN_SECRETS", std::string{good_secret}}};
}

/// For a document (none: the default file is missing) with an environment.
inline load_request request_for(
    const scratch_folder& folder, std::string_view document, const environment_map& environment = enough()
) {
    load_request request;
    request.environment = environment;
    request.default_file = (folder.path() / "missing.toml").string();
    if (!document.empty()) request.file = folder.write("callhookd.toml", document);
    return request;
}

inline load_outcome load(
    const scratch_folder& folder, std::string_view document, const environment_map& environment = enough()
) {
    return load_settings(request_for(folder, document, environment));
}

/// The first problem of a key; a test failure and an empty one where there is none.
inline setting_problem problem_of(const load_outcome& outcome, std::string_view key) {
    for (const auto& problem : outcome.problems) {
        if (problem.key == key) return problem;
    }
    ADD_FAILURE() << "no problem of " << key;
    return {};
}

}  // namespace callhook::app
