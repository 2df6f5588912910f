#pragma once

#include "http/message.hpp"

#include <cstddef>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace callhook::http {

/// How an answer goes over the wire. Private to this folder.
struct wire_form {
    unsigned version = 11;
    bool keep_alive = true;
    bool chunked = false;
    std::optional<std::size_t>
        content_length{};  ///< empty: 204, 304, chunked, or up to the end of the connection
};

/// Whether the answer's field names and values can be written without breaking out of their lines.
bool is_sendable(const response& answer) noexcept;

/// Appends status line, fields and the final empty line. The answer must be sendable.
void append_head(std::string& out, const response& answer, const wire_form& form, std::string_view date);

/// Whether this status has no body by definition.
constexpr bool is_bodiless(unsigned status) noexcept {
    return status == 204 || status == 304;
}

/// The IMF-fixdate of a moment, in the C locale whatever the process's is.
std::string http_date(std::time_t at);

}  // namespace callhook::http
