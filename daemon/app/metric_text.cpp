#include "app/metric_text.hpp"

#include "base/text.hpp"

#include <cstdlib>

namespace callhook::app {

namespace {

/// Reads `name="value"` at the beginning and takes it away; nothing where there is none.
std::optional<std::pair<std::string, std::string>> take_label(std::string_view& rest) {
    const auto equals = rest.find("=\"");
    if (equals == std::string_view::npos) return {};
    std::pair<std::string, std::string> out{std::string{trim(rest.substr(0, equals))}, std::string{}};
    for (std::size_t at = equals + 2; at < rest.size(); ++at) {
        const char c = rest[at];
        if (c == '"') {
            rest.remove_prefix(at + 1);
            if (rest.starts_with(',')) rest.remove_prefix(1);
            return out;
        }
        if (c == '\\' && at + 1 < rest.size()) {
            const char next = rest[++at];
            out.second += next == 'n' ? '\n' : next;
        } else {
            out.second += c;
        }
    }
    return {};
}

std::optional<double> read_value(std::string_view text) {
    const std::string word{trim(text.substr(0, text.find(' ', 1)))};
    char* end = nullptr;
    const double value = std::strtod(word.c_str(), &end);
    if (word.empty() || *end != '\0') return {};
    return value;
}

}  // namespace

metric_text metric_text::parse(std::string_view text) {
    metric_text out;
    for (const auto line : split(text, '\n')) {
        if (line.empty() || line.front() == '#') continue;
        const auto name_end = line.find_first_of("{ ");
        if (name_end == std::string_view::npos) continue;
        sample one;
        auto rest = line.substr(name_end);
        if (rest.front() == '{') {
            rest.remove_prefix(1);
            while (!rest.empty() && rest.front() != '}') {
                auto label = take_label(rest);
                if (!label) break;
                one.labels.insert(std::move(*label));
            }
            if (rest.empty() || rest.front() != '}') continue;
            rest.remove_prefix(1);
        }
        const auto value = read_value(rest);
        if (!value) continue;
        one.value = *value;
        out.samples_[std::string{line.substr(0, name_end)}].push_back(std::move(one));
    }
    return out;
}

const std::vector<metric_text::sample>& metric_text::all(std::string_view name) const {
    static const std::vector<sample> none;
    const auto found = samples_.find(name);
    return found == samples_.end() ? none : found->second;
}

std::optional<double> metric_text::sum(std::string_view name, std::string_view label, std::string_view value)
    const {
    std::optional<double> out;
    for (const auto& one : all(name)) {
        if (!label.empty()) {
            const auto has = one.labels.find(std::string{label});
            if (has == one.labels.end() || has->second != value) continue;
        }
        out = out.value_or(0) + one.value;
    }
    return out;
}

}  // namespace callhook::app
