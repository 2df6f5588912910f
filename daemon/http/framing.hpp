#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <string_view>

namespace callhook::http {

/// The bounds that the guard sets beside the size of the whole block.
inline constexpr std::size_t max_fields = 64;
inline constexpr std::size_t max_request_line = 2048;  ///< method and target together, in bytes

/// Whether a header block may be read as the one request that it seems to be. Beast 1.81 alone lets request
/// smuggling through (foreign transfer codings, two Hosts, chunked on HTTP/1.0, folded lines), so this runs
/// before it, over the raw bytes from the request line to the final empty line. Pure.
///
/// Taken: an HTTP/1.0 or HTTP/1.1 request line with an origin-form target of visible ASCII without `#`; at
/// most 64 fields, each a token, a colon at once, and a value without control characters other than HTAB;
/// exactly one valid Host (none is fine on 1.0); at most one Content-Length, digits only, within 64 bits;
/// Transfer-Encoding only on 1.1, once, exactly `chunked`, and never beside Content-Length. All else is
/// `invalid_input`, with a constant message that may be shown: answer 400 and close, because nobody can know
/// where such a request ends.
result<void> check_framing(std::string_view raw_head);

/// What a first look at the bytes received so far says.
enum class head_progress {
    partial,    ///< not whole yet
    whole,      ///< ends at `position`
    malformed,  ///< can never become a request (a foreign protocol, a bare line feed): no use in waiting for
                ///< the rest
};

/// Looks for the end of a header block in bytes that grow, each byte once. Pure; one per request.
struct head_scanner {
    std::size_t position = 0;  ///< with `whole`: the size of the block, final empty line included

    /// `received` is all bytes since the request's first one.
    head_progress scan(std::string_view received) noexcept;
};

/// RFC 9110 token (field names, methods).
bool is_token(std::string_view text) noexcept;

/// Whether a field value holds no control character other than HTAB.
bool is_field_value(std::string_view text) noexcept;

}  // namespace callhook::http
