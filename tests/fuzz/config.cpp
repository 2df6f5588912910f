// The configuration: a TOML document, and after a line `#env` variables of the environment, one a line.
//
// Promises: whatever is wrong comes out as problems, each with key and reason, fit for a terminal; what has
// none can be summed up.
#include "app/settings_reader.hpp"
#include "app/settings_report.hpp"
#include "app/settings_rules.hpp"
#include "fuzz/support.hpp"

#include <sstream>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace callhook;
    using fuzz::require;
    const auto text = fuzz::as_text(data, size);
    constexpr std::string_view mark = "#env\n";
    constexpr std::size_t most_variables = 4;  // each unknown one is compared with all that are known
    const auto cut = text.find(mark);
    const auto document = app::read_toml(text.substr(0, cut));
    if (const auto* failure = std::get_if<app::toml_failure>(&document)) {
        require(!failure->message.empty(), "a syntax error is explained");
        (void)app::display_text(std::string_view{failure->message});
        return 0;
    }
    std::map<std::string, std::string> environment;
    if (cut != std::string_view::npos) {
        fuzz::input lines{text.substr(cut + mark.size())};
        while (!lines.empty() && environment.size() < most_variables) {
            fuzz::input line{lines.until('\n')};
            const std::string name{line.until('=')};
            environment[name] = line.rest();
        }
    }

    app::setting_problems problems;
    app::settings_reader reader{problems};
    reader.take_document(std::get<std::vector<app::toml_entry>>(document), "callhookd.toml");
    reader.take_environment(environment);
    app::load_outcome outcome;
    outcome.values = reader.result();
    app::check_rules(outcome.values, problems);
    outcome.problems = problems.all();
    outcome.file = "callhookd.toml";
    for (const auto& p : outcome.problems) {
        require(!p.key.empty(), "a problem names its key");
        require(!p.reason.empty(), "a problem has a reason");
        require(fuzz::is_printable(p.value) && fuzz::is_printable(p.reason), "a problem drives no terminal");
    }
    std::ostringstream out;
    if (!outcome.ok()) {
        app::write_problems(out, outcome);
        (void)json::serialize(app::problems_as_json(outcome));
    } else {
        app::write_summary(out, outcome);
        (void)json::serialize(app::summary_as_json(outcome));
    }
    require(!out.str().empty(), "there is something to say");
    return 0;
}
