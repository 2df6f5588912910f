#pragma once

#include <string>
#include <utility>
#include <vector>

/// The command line as data: what `--help`, the manual page and the shells' completions are made of.
namespace callhook::app {

/// An option, or a word that stands in a place of its own.
struct option_help {
    std::vector<std::string> names{};  ///< `--help`, `-h`; of a place, its name alone
    std::string value{};               ///< `FILE`; empty: it takes none
    std::string help{};
    std::vector<std::string> choices{};  ///< the only words that it takes; empty: any
    bool place = false;
    bool required = false;
    bool many = false;  ///< it may be given more than once
};

struct command_help {
    std::string name{};
    std::string help{};
    std::string footer{};
    std::vector<option_help> options{};  ///< those without names of their own come last
    std::vector<command_help> commands{};
};

struct program_help {
    command_help whole{};
    std::vector<std::string> examples{};
    std::vector<std::pair<int, std::string>> exit_codes{};
};

/// Everything that `parse_arguments` understands.
program_help describe_program();

/// A completion script for one of the shells.
std::string bash_completion(const program_help& of);
std::string zsh_completion(const program_help& of);
std::string fish_completion(const program_help& of);

/// The manual pages callhookd(8) and callhookd.toml(5), for man(1).
std::string program_page(const program_help& of);
std::string configuration_page();

}  // namespace callhook::app
