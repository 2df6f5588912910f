#include "app/command_help.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string_view>

namespace callhook::app {

namespace {

/// Calls `take(path, command)` for the program and each command below it; a path is the names on the way,
/// without the program's.
using path = std::vector<std::string>;
void for_each_command(
    const command_help& of, const path& at, const std::function<void(const path&, const command_help&)>& take
) {
    take(at, of);
    for (const auto& inner : of.commands) {
        auto below = at;
        below.push_back(inner.name);
        for_each_command(inner, below, take);
    }
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
    std::string out;
    for (const auto& word : words)
        out += (out.empty() ? "" : std::string{between}) + word;
    return out;
}

/// `/calls/show`; empty for the program.
std::string slashed(const path& at) {
    return at.empty() ? "" : "/" + joined(at, "/");
}

/// Between single quotes, as every shell takes it.
std::string quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'')
            out += "'\\''";
        else
            out += c;
    }
    return out + "'";
}

bool takes_file(const option_help& option) {
    return option.value == "FILE";
}

std::vector<std::string> names_of_commands(const command_help& of) {
    std::vector<std::string> out;
    for (const auto& inner : of.commands)
        out.push_back(inner.name);
    return out;
}

std::vector<std::string> names_of_options(const command_help& of) {
    std::vector<std::string> out;
    for (const auto& option : of.options) {
        if (!option.place) out.insert(out.end(), option.names.begin(), option.names.end());
    }
    return out;
}

std::vector<std::string> choices_of_places(const command_help& of) {
    std::vector<std::string> out;
    for (const auto& option : of.options) {
        if (option.place) out.insert(out.end(), option.choices.begin(), option.choices.end());
    }
    return out;
}

}  // namespace

std::string bash_completion(const program_help& of) {
    std::set<std::string> commands;
    std::set<std::string> files;
    std::set<std::string> others;
    std::map<std::string, std::string> choices;
    std::ostringstream cases;
    for_each_command(of.whole, {}, [&](const path& at, const command_help& one) {
        if (!at.empty()) commands.insert(slashed(at));
        for (const auto& option : one.options) {
            if (option.place || option.value.empty()) continue;
            for (const auto& name : option.names) {
                if (!option.choices.empty())
                    choices[name] = joined(option.choices, " ");
                else
                    (takes_file(option) ? files : others).insert(name);
            }
        }
        auto words = names_of_commands(one);
        const auto fixed = choices_of_places(one);
        words.insert(words.end(), fixed.begin(), fixed.end());
        cases << "        '" << slashed(at) << "') words='" << joined(words, " ") << "' options='"
              << joined(names_of_options(one), " ") << "' ;;\n";
    });
    const auto list = [](const std::set<std::string>& all) {
        return joined(std::vector<std::string>(all.begin(), all.end()), " | ");
    };
    std::vector<std::string> with_choices;
    for (const auto& [name, words] : choices)
        with_choices.push_back(name);
    std::ostringstream out;
    out << "# bash completion for callhookd; printed by: callhookd completion bash\n"
           "_callhookd() {\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} path= words= options= "
           "i\n"
           "    # bash takes --name=value for three words.\n"
           "    if [[ $cur == = ]]; then\n"
           "        cur=\n"
           "    elif [[ $prev == = ]]; then\n"
           "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
           "    fi\n"
           "    for ((i = 1; i < COMP_CWORD; ++i)); do\n"
           "        case ${COMP_WORDS[i - 1]} in\n"
           "            = | "
        << list(files) << " | " << list(others) << " | " << joined(with_choices, " | ")
        << ") continue ;;\n"
           "        esac\n"
           "        case $path/${COMP_WORDS[i]} in\n"
           "            "
        << list(commands)
        << ") path+=/${COMP_WORDS[i]} ;;\n"
           "        esac\n"
           "    done\n"
           "    case $prev in\n"
           "        "
        << list(files)
        << ")\n"
           "            compopt -o filenames\n"
           "            mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
           "            return\n"
           "            ;;\n";
    for (const auto& [name, words] : choices)
        out << "        " << name << ") mapfile -t COMPREPLY < <(compgen -W '" << words
            << "' -- \"$cur\"); return ;;\n";
    out << "        " << list(others)
        << ") return ;;\n"
           "    esac\n"
           "    case $path in\n"
        << cases.str()
        << "    esac\n"
           "    if [[ $cur == -* || -z $words ]]; then words=$options; fi\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
           "}\n"
           "complete -F _callhookd callhookd\n";
    return out.str();
}

namespace {

/// With what `_arguments` reads for more than a letter.
std::string for_zsh(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

std::string action_for_zsh(const option_help& option) {
    if (!option.choices.empty()) return "(" + joined(option.choices, " ") + ")";
    return takes_file(option) ? "_files" : " ";
}

std::string function_for_zsh(const path& at) {
    auto name = at.empty() ? std::string{"_callhookd"} : "_callhookd_" + joined(at, "_");
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

void write_zsh_function(std::ostream& out, const path& at, const command_help& one) {
    out << function_for_zsh(at) << "() {\n    local curcontext=\"$curcontext\" state line\n    _arguments -C";
    for (const auto& option : one.options) {
        if (option.place) {
            const auto* number = option.many ? "*" : "1";
            const auto spec =
                std::string{number} + ":" + for_zsh(option.names.front()) + ":" + action_for_zsh(option);
            out << " \\\n        " << quoted(spec);
            continue;
        }
        for (const auto& name : option.names) {
            auto spec = (option.many ? "*" : "") + name + (option.value.empty() ? "" : "=") + "[" +
                        for_zsh(option.help) + "]";
            if (!option.value.empty()) spec += ":" + for_zsh(option.value) + ":" + action_for_zsh(option);
            out << " \\\n        " << quoted(spec);
        }
    }
    if (one.commands.empty()) {
        out << "\n}\n\n";
        return;
    }
    out << " \\\n        '1: :->command' \\\n        '*:: :->rest'\n    case $state in\n        command)\n"
           "            local -a all=(\n";
    for (const auto& inner : one.commands)
        out << "                " << quoted(for_zsh(inner.name) + ":" + inner.help) << '\n';
    out << "            )\n            _describe command all\n            ;;\n        rest)\n"
           "            case $line[1] in\n";
    for (const auto& inner : one.commands) {
        auto below = at;
        below.push_back(inner.name);
        out << "                " << inner.name << ") " << function_for_zsh(below) << " ;;\n";
    }
    out << "            esac\n            ;;\n    esac\n}\n\n";
}

}  // namespace

std::string zsh_completion(const program_help& of) {
    std::ostringstream out;
    out << "#compdef callhookd\n# zsh completion for callhookd; printed by: callhookd completion zsh\n\n";
    for_each_command(of.whole, {}, [&](const path& at, const command_help& one) {
        write_zsh_function(out, at, one);
    });
    out << "if [[ $funcstack[1] == _callhookd ]]; then\n    _callhookd \"$@\"\nelse\n    compdef _callhookd "
           "callhookd\nfi\n";
    return out.str();
}

std::string fish_completion(const program_help& of) {
    std::ostringstream out;
    out << "# fish completion for callhookd; printed by: callhookd completion fish\n"
           "complete -c callhookd -f\n";
    for_each_command(of.whole, {}, [&](const path& at, const command_help& one) {
        std::string here = "__fish_use_subcommand";
        if (!at.empty()) {
            here.clear();
            for (const auto& name : at)
                here += (here.empty() ? "" : "; and ") + std::string{"__fish_seen_subcommand_from "} + name;
        }
        auto before_commands = here;
        if (!at.empty() && !one.commands.empty())
            before_commands += "; and not __fish_seen_subcommand_from " + joined(names_of_commands(one), " ");
        for (const auto& inner : one.commands)
            out << "complete -c callhookd -n " << quoted(before_commands) << " -a " << inner.name << " -d "
                << quoted(inner.help) << '\n';
        for (const auto& option : one.options) {
            out << "complete -c callhookd -n " << quoted(here);
            if (option.place) {
                out << " -a " << quoted(joined(option.choices, " ")) << " -d " << quoted(option.help) << '\n';
                continue;
            }
            for (const auto& name : option.names)
                out << (name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1));
            if (!option.choices.empty())
                out << " -x -a " << quoted(joined(option.choices, " "));
            else if (!option.value.empty())
                out << (takes_file(option) ? " -r -F" : " -x");
            out << " -d " << quoted(option.help) << '\n';
        }
    });
    return out.str();
}

}  // namespace callhook::app
