#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/text.hpp"
#include "base/uuid.hpp"
#include "http/message.hpp"
#include "http/query.hpp"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace callhook::api {

/// The answer to an error of a query or of the store.
http::response refusal(const error& e);

/// Refuses parameters that the endpoint does not know: a misspelt filter must not answer with everything.
result<void> only_known(const http::query_parameters& query, std::initializer_list<std::string_view> known);

/// `limit`: 1 to `most`, 100 without one; a larger one is taken as `most`.
result<std::size_t> limit_of(const http::query_parameters& query, std::size_t most);

/// Which page of a list that is ordered by id, the newest first.
struct page {
    std::optional<uuid> before{};  ///< the last id of the page before
    std::size_t limit = 0;
};

/// Reads `limit` and `cursor`; `most` as in `limit_of`.
result<page> page_of(const http::query_parameters& query, std::size_t most);

/// Each row as `show` puts it.
template <class Rows, class Show>
json::array list_of(const Rows& rows, Show show) {
    json::array out;
    for (const auto& row : rows)
        out.emplace_back(show(row));
    return out;
}

/// The cursor for what comes after these rows, or null: only a full page may have one after it.
template <class Rows>
json::value next_cursor(const Rows& rows, std::size_t limit) {
    if (rows.empty() || rows.size() < limit) return {};
    return json::value(to_string(rows.back().id));
}

/// A page's cursor: opaque to clients. `pack` makes one of parts that hold no `~`; `unpack` gives them back,
/// or an error where the text is none of ours.
std::string pack(std::initializer_list<std::string_view> parts);
result<std::vector<std::string>> unpack(std::string_view cursor, std::size_t parts);

}  // namespace callhook::api
