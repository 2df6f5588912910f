#pragma once

#include "app/settings.hpp"
#include "app/settings_table.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::app {

/// One key of a section that is there any number of times; `key` is its last part only.
struct named_setting : setting_shape {
    /// Its place in the section of that name, which is made if it is not there yet.
    std::function<setting_slot(settings&, const std::string& name)> bind;
};

/// A section that is there any number of times, each under a name: `[sources.NAME]`. All that is said of one,
/// and nothing else: loading, environment names, checks of names and the reference page know no single one.
struct named_section {
    std::string_view name;         ///< `sources`
    std::string_view one;          ///< what one is: `source`
    std::size_t longest_name;      ///< of NAME
    std::string_view secret_hint;  ///< where what was written into the file as a secret belongs
    std::string_view example;      ///< NAME in the default file
    std::string_view help;         ///< for the reference page, in Markdown
    std::string_view file_help;    ///< for the default file
    std::vector<named_setting> rows;
    std::function<void(settings&, const std::string& name)> make;  ///< does nothing where it is there
    std::function<std::vector<std::string>(const settings&)> names;
    bool reloadable = false;  ///< a reload takes in all of it, sections that came or went included
};

const std::vector<named_section>& named_sections();
const named_section* find_named_section(std::string_view name);

/// Whether something may be called so in the configuration: `[a-z0-9][a-z0-9_-]*`, at most `longest` of them.
bool is_section_name(std::string_view name, std::size_t longest);

}  // namespace callhook::app
