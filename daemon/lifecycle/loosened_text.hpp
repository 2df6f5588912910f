#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace callhook::lifecycle {

/// The text with everything written out that JSON, URLs, HTML or another encoding of characters may hide:
/// `\u002b`, `%2B` and `&#43;` as `+`, typographic spaces, dashes and quotes as a space, full-width digits as
/// plain ones, and no U+0000. Good for searching and nothing else. Nothing where that is the text itself.
std::optional<std::string> loosened(std::string_view text);

}  // namespace callhook::lifecycle
