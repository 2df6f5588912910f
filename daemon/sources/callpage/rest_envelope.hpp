#pragma once

#include "sources/api.hpp"

#include <simdjson.h>

#include <string_view>
#include <vector>

namespace callhook::sources::callpage {

/// An answer that says yes, taken apart ("REST API": `hasError`, `errorCode`, `message`, `data`, `meta`).
/// `data` and `meta` are their exact JSON text, empty where the answer has none; each begins and ends as its
/// type asks for, but what stands inside is unchecked. They are views into `bytes`, which a move keeps.
struct envelope {
    simdjson::padded_string bytes{};
    std::string_view data{};
    std::string_view meta{};
};

/// Takes an answer apart, or says why it is none:
///  - any status but 200 by that status; 3xx is `rejected`, since redirects are not followed;
///  - 200 with `hasError` by `errorCode` where that is such a status (no section says whether it ever is),
///  else `rejected`;
///  - 200 with anything but an envelope as `unreadable`.
/// The vendor's `message` is never repeated: it may name people. `now` is what a date in Retry-After is
/// compared with.
api_result<envelope> open_answer(const api_answer& answer, utc_time now);

/// The exact text of each item of the list that is `envelope.data`, unchecked likewise, so that a bad one
/// spoils no other. Nothing known (`null`, `{}`) is an empty list; anything else that is no list, or has no
/// end, `unreadable`.
api_result<std::vector<std::string>> items_of(const envelope& whole);

/// An `unreadable` of an answer with status 200.
api_failure unreadable_answer(std::string_view what);

}  // namespace callhook::sources::callpage
