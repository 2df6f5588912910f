#pragma once

#include "sources/callpage/payload.hpp"

#include <string>
#include <string_view>

namespace callhook::sources::callpage {

/// A body as a tree, or why it is none.
struct document {
    dom::element root{};
    /// Empty where the body is sound. Holds no value from it.
    std::string failure{};
};

/// Parses a body and checks all of it: UTF-8 without byte order mark, one JSON text and nothing after it, at
/// most `max_depth` levels, no key twice in an object, no U+0000 or lone surrogate in a string or key, no
/// integer beyond 64 bits. The tree lives in the thread's parser, until the same thread calls this again.
/// Time is linear in the body but for objects with many keys, which are sorted. Throws std::bad_alloc only.
document parse_document(std::string_view body);

}  // namespace callhook::sources::callpage
