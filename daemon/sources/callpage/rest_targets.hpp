#pragma once

#include "sources/api.hpp"

#include <cstdint>
#include <string>
#include <string_view>

/// Path and query of each request to CallPage's REST API. Lists of identifiers are written `name%5B%5D=1`:
/// the documentation shows `name[]=1`, but RFC 3986 section 3.4 has no bare brackets in a query, so that a
/// client, proxy or filter on the way may refuse them; PHP, which the vendor runs, decodes names before it
/// looks for brackets.
namespace callhook::sources::callpage {

/// "REST API, Authentication, Examples".
std::string greeting_target();

/// "Calls, Get Single Call". Its first line says v1; the sample request and the action say v3.
std::string call_target(std::int64_t id);

/// "Calls, Get History". Times are whole seconds since the Unix epoch. `limit` and `offset` are always sent,
/// the others where they restrict; the deprecated `tel` and `widget_id` never.
std::string history_target(const call_filter& filter);

/// "Widgets, Get All Widgets" and "Users, Get All Users".
std::string widgets_target(std::size_t offset, std::size_t limit);
std::string users_target(std::size_t offset, std::size_t limit);

/// "Managers, Get All Managers".
std::string managers_target(std::int64_t widget_id, std::size_t offset, std::size_t limit);

}  // namespace callhook::sources::callpage
