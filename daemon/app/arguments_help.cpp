// The command line as data.
#include "app/command_line.hpp"

#include <algorithm>

namespace callhook::app {

command_help command_line::describe(const CLI::App& one) const {
    command_help out{one.get_name(), one.get_description(), one.get_footer(), {}, {}};
    add_options(one, out);
    for (const auto* inner :
         one.get_subcommands([](const CLI::App* each) { return !each->get_name().empty(); }))
        out.commands.push_back(describe(*inner));
    return out;
}

void command_line::add_options(const CLI::App& of, command_help& into) const {
    for (const auto* one : of.get_options()) {
        option_help made;
        for (const auto& name : one->get_lnames())
            made.names.push_back("--" + name);
        for (const auto& name : one->get_snames())
            made.names.push_back("-" + name);
        made.place = made.names.empty();
        if (made.place) made.names.push_back(one->get_name(true));
        if (one->get_items_expected_max() > 0) made.value = one->get_type_name();
        made.help = one->get_description();
        const auto known = choices_.find(made.names.front());
        if (known != choices_.end()) made.choices = known->second;
        made.required = one->get_required();
        made.many = one->get_items_expected_max() > 1;
        // A group has its own --help, which is the command's.
        const auto same = [&](const option_help& other) { return other.names == made.names; };
        if (std::none_of(into.options.begin(), into.options.end(), same))
            into.options.push_back(std::move(made));
    }
    // Options of which one must be given are grouped, without a name.
    for (const auto* group :
         of.get_subcommands([](const CLI::App* each) { return each->get_name().empty(); }))
        add_options(*group, into);
}

}  // namespace callhook::app
