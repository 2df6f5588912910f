#pragma once

#include "app/setting_problems.hpp"
#include "app/setting_value.hpp"
#include "app/settings_table.hpp"
#include "app/toml_file.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::app {

/// Fills settings from a TOML document and then from environment variables, by the settings table.
class settings_reader {
public:
    explicit settings_reader(setting_problems& problems) : problems_{problems} {}

    void take_document(const std::vector<toml_entry>& entries, const std::string& file);
    /// Passes over variables of other programs, and over those that are no settings (`CALLHOOK_CONFIG`,
    /// `CALLHOOK_TEST_…`).
    void take_environment(const std::map<std::string, std::string>& variables);

    /// Everything taken so far, sources in the order of their names.
    [[nodiscard]] settings result() const;

private:
    void take_entry(const toml_entry& entry, const std::string& file);
    bool take_source_entry(const toml_entry& entry, const setting_origin& origin);
    bool take_variable(const std::string& name, const std::string& text);
    bool take_source_variable(std::string_view name, const std::string& text);
    void refuse_unknown(const toml_entry& entry, const setting_origin& origin);
    void refuse_variable(const std::string& name);
    source_settings* source_named(const std::string& name, const setting_origin& origin);
    [[nodiscard]] std::string source_of_variable(std::string_view name_part) const;

    template <class Owner>
    void take(
        const setting<Owner>& row,
        Owner& owner,
        const std::string& key,
        const given_value& given,
        const setting_origin& origin
    );

    setting_problems& problems_;
    settings values_{};
    std::map<std::string, source_settings> sources_;
    std::vector<std::string> refused_tables_;  ///< with a dot at the end; what is in them is not looked at
};

}  // namespace callhook::app
