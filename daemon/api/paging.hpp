#pragma once

#include "base/result.hpp"
#include "base/text.hpp"
#include "http/message.hpp"
#include "http/query.hpp"

#include <initializer_list>
#include <string>
#include <string_view>

namespace callhook::api {

/// The answer to an error of a query or of the store.
http::response refusal(const error& e);

/// Refuses parameters that the endpoint does not know: a misspelt filter must not answer with everything.
result<void> only_known(const http::query_parameters& query, std::initializer_list<std::string_view> known);

/// `limit`: 1 to `most`, 100 without one; a larger one is taken as `most`.
result<std::size_t> limit_of(const http::query_parameters& query, std::size_t most);

/// A page's cursor: opaque to clients. `pack` makes one of parts that hold no `~`; `unpack` gives them back,
/// or an error where the text is none of ours.
std::string pack(std::initializer_list<std::string_view> parts);
result<std::vector<std::string>> unpack(std::string_view cursor, std::size_t parts);

}  // namespace callhook::api
