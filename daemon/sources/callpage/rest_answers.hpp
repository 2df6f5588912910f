#pragma once

#include "sources/api.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What CallPage's REST API answered, read without asking: pure, for any thread. Each function refuses as
/// `open_answer` does; `now` is what a date in Retry-After is compared with.
namespace callhook::sources::callpage {

/// A page of a list, and how many entries the list has in all where `meta` says so.
template <class T>
struct listing {
    std::vector<T> items{};
    std::optional<std::int64_t> count{};
};

/// "REST API, Authentication, Examples".
api_result<void> read_greeting(const api_answer& answer, utc_time now);

/// "Calls, Get Single Call": the exact text of `data`. Nothing there is `not_found`.
api_result<std::string> read_call(const api_answer& answer, utc_time now);

/// "Calls, Get History": the exact text of each entry of `data`. Only `decode_record` looks into them.
api_result<call_page> read_history(const api_answer& answer, utc_time now);

/// "Widgets, Get All Widgets", "Users, Get All Users" and "Managers, Get All Managers". An entry that is no
/// object or has no id above 0 makes the answer `unreadable`, since a list with gaps tells of something
/// missing that is there; any other value that does not fit is left out.
api_result<listing<widget>> read_widgets(const api_answer& answer, utc_time now);
api_result<listing<person>> read_users(const api_answer& answer, utc_time now);
api_result<listing<person>> read_managers(const api_answer& answer, utc_time now);

}  // namespace callhook::sources::callpage
