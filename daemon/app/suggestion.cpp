#include "app/suggestion.hpp"

#include <algorithm>
#include <numeric>

namespace callhook::app {
namespace {

/// Levenshtein's distance: how many letters to insert, delete or replace; `limit` stands for all from there
/// on.
std::size_t distance(std::string_view a, std::string_view b, std::size_t limit) {
    // What both begin and end with takes no part in it, and words of settings have much of that.
    const auto differ = std::ranges::mismatch(a, b);
    a = {differ.in1, a.end()};
    b = {differ.in2, b.end()};
    while (!a.empty() && !b.empty() && a.back() == b.back()) {
        a.remove_suffix(1);
        b.remove_suffix(1);
    }
    if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) >= limit) return limit;

    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        std::size_t nearest = row[0];
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
            nearest = std::min(nearest, row[j + 1]);
        }
        if (nearest >= limit) return limit;
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
        const auto d = distance(written, word, best);
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
