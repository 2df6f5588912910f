#pragma once

#include "app/named_sections.hpp"
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
    /// `CALLHOOK_TOKEN`, `CALLHOOK_TEST_…`).
    void take_environment(const std::map<std::string, std::string>& variables);

    /// Everything taken so far.
    [[nodiscard]] const settings& result() const noexcept { return values_; }

private:
    void take_entry(const toml_entry& entry, const std::string& file);
    bool take_named_entry(
        const named_section& section, const toml_entry& entry, const setting_origin& origin
    );
    bool take_variable(const std::string& name, const std::string& text);
    bool take_named_variable(const named_section& section, const std::string& name, const std::string& text);
    void refuse_unknown(const toml_entry& entry, const setting_origin& origin);
    void refuse_variables(const std::vector<std::string>& names);
    /// Makes the one of that name if it may be called so.
    bool open_named(const named_section& section, const std::string& name, const setting_origin& origin);
    [[nodiscard]] std::string name_in_variable(const named_section& section, std::string_view part) const;
    void take(
        const setting_shape& row,
        setting_slot slot,
        const std::string& key,
        const given_value& given,
        const setting_origin& origin
    );

    setting_problems& problems_;
    settings values_{};
    std::vector<std::string> refused_tables_;  ///< with a dot at the end; what is in them is not looked at
};

}  // namespace callhook::app
