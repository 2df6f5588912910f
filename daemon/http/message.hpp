#pragma once

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace boost::json {
class object;
}

namespace callhook::http {

/// One header field, or one named path parameter.
struct field {
    std::string name;
    std::string value;
};

/// What a request says before its body. The fields are those of the header section alone: they are copied
/// before the body is read, so that a trailer never counts. A plain value, owned by whoever holds it;
/// `target`, `path`, `query`, the fields and `peer` can hold secrets or personal data and never belong in a
/// log line.
struct request_head {
    std::string method;
    std::string target;         ///< as sent
    std::string path;           ///< the target without its query, still percent-encoded
    std::string query;          ///< what follows the first `?`, still encoded; see query_parameters
    unsigned version = 11;      ///< 10 or 11
    std::vector<field> fields;  ///< in order of arrival, values without surrounding blanks
    std::string peer;           ///< the peer's IP address as text, no port; an IPv4-mapped address as IPv4
    std::optional<std::uint64_t> content_length;  ///< as announced; empty without the header
    std::vector<field> path_parameters;           ///< the `{name}` parts of the route, percent-decoded
    std::string_view route;  ///< the route's pattern, fit for logs and metrics; lives as long as the router

    /// The first field of this name in any case; empty when absent. Valid as long as this object is
    /// unchanged.
    [[nodiscard]] std::string_view header(std::string_view name) const noexcept;

    /// Every field of this name in any case, in order.
    [[nodiscard]] std::vector<std::string_view> header_values(std::string_view name) const;

    /// The decoded path parameter of this name; empty when the route has none (a captured one is never
    /// empty).
    [[nodiscard]] std::string_view path_parameter(std::string_view name) const noexcept;
};

/// How many bytes a request's body can be read past its end (simdjson wants that much padding).
inline constexpr std::size_t body_padding = 64;

/// A whole request. `body.capacity() >= body.size() + body_padding` holds for what the server hands out, and
/// survives moves.
struct request : request_head {
    std::string body;
};

/// Where a streaming answer writes its body, piece by piece. Loop thread; alive until the stream function
/// returns.
class body_stream {
public:
    virtual ~body_stream() = default;

    /// Sends one non-empty piece and returns when the kernel has taken all of it, or false when the client is
    /// gone or took longer than the write timeout: then stop, nothing more can be sent. The bytes must live
    /// until it returns.
    virtual boost::asio::awaitable<bool> write(std::string_view piece) = 0;

    /// Whether the server is stopping, so that the stream should say its goodbye and return.
    [[nodiscard]] virtual bool stopping() const noexcept = 0;
};

/// An answer. The server writes `Content-Length`, `Transfer-Encoding`, `Connection`, `Keep-Alive`, `Date` and
/// `Server`, and `Content-Type` from its member; in `fields` those are ignored. It adds `Cache-Control:
/// no-store` unless `fields` has one. Values must hold
/// no CR, LF or other control character: an answer that breaks this is replaced by a 500.
struct response {
    unsigned status = 200;
    std::string content_type{};  ///< no `Content-Type` when empty
    std::string body{};          ///< not sent for HEAD, 204 and 304
    std::vector<field> fields{};
    bool close = false;  ///< close the connection after this answer
    /// When set, `body` is ignored and this writes the body (chunked on HTTP/1.1, up to the end of the
    /// connection on 1.0). It must own or outlive-guarantee all that it captures; returning ends the body, an
    /// exception cuts the connection. A client that closes its side has gone: the stream is cancelled.
    std::function<boost::asio::awaitable<void>(body_stream&)> stream{};
};

/// The reason phrase of a status, `Unknown` for one without.
std::string_view reason_phrase(unsigned status) noexcept;

/// An error answer of RFC 9457 (`application/problem+json`) with type `about:blank` and the status's phrase
/// as its title. `detail` is public: no secret, no personal data, nothing echoed.
response problem(unsigned status, std::string_view detail);

/// The same with an own title and more members, which follow the four standard ones.
response problem(unsigned status, std::string_view title, std::string_view detail);
response problem(
    unsigned status, std::string_view title, std::string_view detail, const boost::json::object& members
);

/// An answer whose body is JSON text already.
response json_response(unsigned status, std::string body);

}  // namespace callhook::http
