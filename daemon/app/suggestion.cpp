#include "app/suggestion.hpp"

#include <algorithm>
#include <numeric>

namespace callhook::app {
namespace {

/// Levenshtein's distance: how many letters to insert, delete or replace.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

std::string_view last_part(std::string_view key) {
    return key.substr(key.rfind('.') + 1);
}

}  // namespace

std::optional<std::string> suggest(std::string_view written, const std::vector<std::string>& known) {
    constexpr std::size_t longest = 128;
    if (written.size() > longest) return {};
    std::size_t best = std::max<std::size_t>(2, written.size() / 5) + 1;
    const std::string* found = nullptr;
    for (const auto& word : known) {
        const auto d = distance(written, word);
        if (d < best) {
            best = d;
            found = &word;
        }
    }
    if (found != nullptr) return *found;

    // The right name in the wrong section, where only one section has it.
    const auto same_name = [&](const std::string& word) { return last_part(word) == last_part(written); };
    if (std::ranges::count_if(known, same_name) != 1) return {};
    return *std::ranges::find_if(known, same_name);
}

}  // namespace callhook::app
