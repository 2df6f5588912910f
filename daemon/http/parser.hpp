#pragma once

#include "http/body_sink.hpp"
#include "http/message.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace callhook::http {

/// What Beast's parsers lack for chunks; each message has one of its own.
///
/// Says when a chunked body must wait for more bytes before Beast is asked: once that has seen the size of a
/// last chunk it asserts that the chunk's shortest form, `0` and two line ends, is there, so a peer that
/// sends a byte at a time would end a daemon that was built with assertions. What begins a chunk is never the
/// end of less.
class chunk_start {
public:
    /// Takes a chunk's size and extensions; sets `failure` where these hold what they may not (RFC 9110,
    /// section 5.6.4). Beast lets anything stand in a quoted one: a line feed, too, at which somebody before
    /// us may have ended the line.
    void header(
        std::uint64_t size, boost::beast::string_view extension, boost::beast::error_code& failure
    ) noexcept;
    void body(std::uint64_t remain, std::size_t size) noexcept { within_ = size < remain; }

    [[nodiscard]] bool may_be_cut(std::string_view received) const noexcept {
        return !within_ && received.size() < 5 && received.starts_with('0');
    }

private:
    bool within_ = false;  ///< a chunk whose data is not all there
};

/// Beast's parser, writing straight into our own request. Private to this folder. One message each.
///
/// Fields that come after the header section (trailers) are dropped. A body is fed through it only when it is
/// chunked; with a Content-Length there is nothing to parse.
class request_parser final : private boost::beast::http::basic_parser<true> {
public:
    enum class progress {
        more,       ///< feed more bytes
        done,       ///< the body is whole
        too_large,  ///< the body is over its limit
        no_memory,  ///< the body budget is used up
        malformed,
    };

    request_parser(request_head& head, body_sink& body) : head_{head}, sink_{body} {
        body_limit(boost::none);
    }

    /// Takes the one whole header block; false when it is malformed.
    bool parse_head(std::string_view block);

    /// Takes body bytes from the front of `received` and says how many in `taken`.
    progress parse_body(std::string_view received, std::size_t& taken);

    /// The most that a chunked body may hold; before parse_body.
    void limit_body(std::uint64_t bytes) { body_limit(bytes); }

    [[nodiscard]] bool chunked() const { return basic_parser::chunked(); }
    [[nodiscard]] bool keep_alive() const { return basic_parser::keep_alive(); }

private:
    using verb = boost::beast::http::verb;
    using field_id = boost::beast::http::field;
    using text = boost::beast::string_view;
    using error_code = boost::beast::error_code;

    void on_request_impl(verb, text method, text target, int version, error_code&) override;
    void on_response_impl(int, text, int, error_code&) override {}
    void on_field_impl(field_id, text name, text value, error_code&) override;
    void on_header_impl(error_code&) override { head_done_ = true; }
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(text body, error_code&) override { return body.size(); }
    void on_chunk_header_impl(std::uint64_t size, text extension, error_code& failure) override {
        start_.header(size, extension, failure);
    }
    std::size_t on_chunk_body_impl(std::uint64_t remain, text body, error_code&) override;
    void on_finish_impl(error_code&) override {}
    // Later Beasts have a function of its own for trailers; here it overrides nothing.
    void on_trailer_field_impl(field_id, text, text, error_code&) {}

    request_head& head_;
    body_sink& sink_;
    chunk_start start_{};
    bool head_done_ = false;
};

}  // namespace callhook::http
