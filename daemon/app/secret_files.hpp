#pragma once

#include "app/file_places.hpp"
#include "app/setting_problems.hpp"
#include "app/settings.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::app {

/// What stands in a file that holds a secret, without its last line end. Nothing, and a problem of `key`,
/// where it cannot be had or is open to all.
std::optional<std::string> read_secret_file(
    const std::string& named, const std::string& key, const file_places& places, setting_problems& problems
);

/// A file that holds a secret, and which setting names it.
struct secret_file {
    std::string key{};
    std::string path{};
};

/// All that the settings name.
std::vector<secret_file> secret_files_of(const settings& values, const file_places& places);

/// What is wrong with a secret, to follow "a secret "; empty if nothing. Never holds any of it.
using secret_fault = std::string (*)(const std::string& value);

/// Where one or two secrets stand that take each other's place.
struct secret_pair {
    std::vector<secret>& values;  ///< from the environment; else filled from the files
    const std::vector<std::string>& files;
    std::string section;  ///< `sources.main`: the keys are `secrets` and `secret_files` in it
    secret_fault fault;
    std::string_view make_one;  ///< how to make one
};

/// Checks the secrets, or reads them from their files and checks them; having none is a problem.
void read_secret_pair(const secret_pair& pair, const file_places& places, setting_problems& problems);

/// Sees that a file of authorities can be used and makes its path a full one; an empty one is fine.
void check_ca_file(
    std::string& named, const std::string& key, const file_places& places, setting_problems& problems
);

/// Reads the files that a source's settings name for its hook and checks every secret of it, whether from a
/// file or from the environment. Problems are filed under `sources.NAME.…` and never hold what a file holds.
void read_source_secrets(source_settings& source, const file_places& places, setting_problems& problems);

/// The same for the vendor's API: reads and checks the key, and sees that the file of authorities can be
/// used. Sources without a key are fine.
void read_api_access(source_settings& source, const file_places& places, setting_problems& problems);

}  // namespace callhook::app
