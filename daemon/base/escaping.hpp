#pragma once

#include <string>
#include <string_view>

namespace callhook {

/// Appends a text in runs: what `is_special` says of a character is written by `escape`, called with the
/// character, all between two of those at once.
template <class IsSpecial, class Escape>
void append_escaped(std::string& out, std::string_view text, IsSpecial is_special, Escape escape) {
    std::size_t plain = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!is_special(text[at])) continue;
        out.append(text, plain, at - plain);
        escape(text[at]);
        plain = at + 1;
    }
    out.append(text, plain);
}

}  // namespace callhook
