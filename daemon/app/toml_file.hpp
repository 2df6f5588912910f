#pragma once

#include "app/setting_problems.hpp"
#include "app/setting_value.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace callhook::app {

/// The parts of a path with dots between, in quotes those that TOML wants in quotes.
std::string toml_key(const std::vector<std::string>& path);

/// A value in a TOML document, or a table (`is_table`, no value of its own).
struct toml_entry {
    std::vector<std::string> path{};
    given_value value{};
    bool is_table = false;
    unsigned line = 0;
    unsigned column = 0;

    [[nodiscard]] std::string key() const { return toml_key(path); }
};

/// Why a text is not TOML.
struct toml_failure {
    std::string message{};
    unsigned line = 0;
    unsigned column = 0;
};

/// Every table and value of the document in the order of its lines. Tables come before what is in them.
std::variant<std::vector<toml_entry>, toml_failure> read_toml(std::string_view text);

}  // namespace callhook::app
