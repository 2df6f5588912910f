#include "http/client_answer.hpp"

#include "base/text.hpp"
#include "http/parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <utility>

namespace callhook::http {

namespace {

namespace beast_http = boost::beast::http;

constexpr unsigned max_interim = 8;
/// One chunk header, its extensions included, or one trailer section must fit into this.
constexpr std::size_t chunk_line_limit = 16 * 1024;
/// What is reserved at most before bytes arrive, whatever the server announces.
constexpr std::size_t first_reserve = 64 * 1024;
constexpr std::string_view http_1 = "HTTP/1.";

error no_http(const char* why) {
    return error{errc::unavailable, std::string{"what came back is no HTTP answer: "} + why};
}

}  // namespace

/// Beast's parser, writing straight into our own answer. Fields that come after the header section (trailers)
/// are dropped. Only chunked bodies are fed through it; in the others there is nothing to parse.
class answer_reader::parser final : private beast_http::basic_parser<false> {
public:
    enum class progress { more, done, too_large, malformed };

    parser(client_response& into, bool to_head) : into_{into} {
        body_limit(boost::none);
        skip(to_head);
    }

    /// Takes the one whole header block; false when it is malformed.
    bool parse_head(std::string_view block) {
        header_limit(static_cast<std::uint32_t>(block.size()));
        error_code failure;
        const auto taken = put({block.data(), block.size()}, failure);
        return !failure && taken == block.size() && is_header_done();
    }

    /// Takes body bytes from the front of `received` and says how many in `taken`.
    progress parse_body(std::string_view received, std::size_t& taken) {
        taken = 0;
        if (start_.may_be_cut(received)) return progress::more;
        eager(true);
        error_code failure;
        taken = put({received.data(), received.size()}, failure);
        if (is_done()) return progress::done;
        if (!failure || failure == beast_http::error::need_more) return progress::more;
        return failure == beast_http::error::body_limit ? progress::too_large : progress::malformed;
    }

    /// The most that a chunked body may hold; before parse_body.
    void limit_body(std::uint64_t bytes) { body_limit(bytes); }

    [[nodiscard]] bool chunked() const { return basic_parser::chunked(); }
    [[nodiscard]] bool version_11() const { return version_ == 11; }
    [[nodiscard]] bool closes() const { return !basic_parser::keep_alive(); }
    [[nodiscard]] boost::optional<std::uint64_t> length() const { return basic_parser::content_length(); }

private:
    using text = boost::beast::string_view;
    using error_code = boost::beast::error_code;

    void on_request_impl(beast_http::verb, text, text, int, error_code&) override {}
    void on_response_impl(int status, text, int version, error_code&) override {
        into_.status = static_cast<unsigned>(status);
        version_ = version;
    }
    void on_field_impl(beast_http::field, text name, text value, error_code&) override {
        if (head_done_) return;
        into_.fields.push_back({{name.data(), name.size()}, {value.data(), value.size()}});
    }
    void on_header_impl(error_code&) override { head_done_ = true; }
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(text body, error_code&) override { return body.size(); }
    void on_chunk_header_impl(std::uint64_t size, text extension, error_code& failure) override {
        start_.header(size, extension, failure);
    }
    std::size_t on_chunk_body_impl(std::uint64_t remain, text body, error_code&) override {
        start_.body(remain, body.size());
        into_.body.append(body.data(), body.size());
        return body.size();
    }
    void on_finish_impl(error_code&) override {}
    // Later Beasts have a function of its own for trailers; here it overrides nothing.
    void on_trailer_field_impl(beast_http::field, text, text, error_code&) {}

    client_response& into_;
    chunk_start start_{};
    int version_ = 0;
    bool head_done_ = false;
};

answer_reader::answer_reader(bounds limits, bool to_head)
    : limits_{limits}, to_head_{to_head}, parser_{std::make_unique<parser>(answer_, to_head_)} {}

answer_reader::~answer_reader() = default;

result<bool> answer_reader::take(std::string_view bytes) {
    begun_ = begun_ || !bytes.empty();
    pending_.append(bytes);
    while (!head_done_) {
        const auto read = take_head();
        if (read.has_error() || !*read) return read;
    }
    const auto whole = take_body();
    if (whole.has_value() && *whole) surplus_ = !pending_.empty();
    return whole;
}

/// Takes one header block; false where more bytes are needed for it. An interim answer leaves nothing.
result<bool> answer_reader::take_head() {
    // Another protocol's greeting can be told by its first bytes: no use in waiting for more.
    const auto start = std::min(pending_.size(), http_1.size());
    if (std::string_view{pending_}.substr(0, start) != http_1.substr(0, start))
        return no_http("it does not start with HTTP/1");
    const auto seen = scanner_.scan(pending_);
    if (seen == head_progress::malformed) return no_http("a line does not end with CR and LF");
    const auto size = seen == head_progress::whole ? scanner_.position : pending_.size();
    if (size > limits_.max_header) {
        const auto limit = std::to_string(limits_.max_header);
        return error{errc::overloaded, "the answer's header is larger than " + limit + " bytes"};
    }
    if (seen == head_progress::partial) return false;

    if (!parser_->parse_head(std::string_view{pending_}.substr(0, size)) || answer_.status < 100)
        return no_http("its header is malformed");
    pending_.erase(0, size);
    if (answer_.status >= 200) {
        if (auto begun = begin_body(); begun.has_error()) return begun.error();
        head_done_ = true;
        return true;
    }
    if (answer_.status == 101) return no_http("it changes to a protocol that nobody asked for");
    if (++interim_ > max_interim) return no_http("too many interim answers");
    answer_ = {};
    scanner_ = {};
    parser_ = std::make_unique<parser>(answer_, to_head_);
    return true;
}

/// Decides by the header how the body ends.
result<void> answer_reader::begin_body() {
    const bool bodiless = to_head_ || answer_.status == 204 || answer_.status == 304;
    for (const auto& f : answer_.fields) {
        // Beast reads a body of any other coding up to the end of the connection and hands out what it finds.
        if (equals_ignoring_case(f.name, "transfer-encoding") && !equals_ignoring_case(f.value, "chunked"))
            return no_http("its transfer coding is not known here");
    }
    const auto length = parser_->length();
    if (bodiless) {
        body_end_ = body_end::none;
    } else if (parser_->chunked()) {
        body_end_ = body_end::last_chunk;
        if (!limits_.truncate) parser_->limit_body(limits_.max_body);
        // Framing counts too, or chunk extensions and chunks of one byte could go on for ever.
        framing_left_ = 2 * limits_.max_body + 64 * 1024;
    } else if (length) {
        body_end_ = body_end::length;
        length_ = *length;
        if (length_ > limits_.max_body && !limits_.truncate) return end_at_limit().error();
        answer_.body.reserve(std::min(static_cast<std::size_t>(length_), first_reserve));
    } else {
        body_end_ = body_end::connection;
    }
    return {};
}

result<bool> answer_reader::take_body() {
    auto& body = answer_.body;
    switch (body_end_) {
        case body_end::none:
            return true;
        case body_end::length: {
            const auto missing = static_cast<std::size_t>(length_) - body.size();
            const auto size = std::min(missing, pending_.size());
            body.append(pending_, 0, size);
            pending_.erase(0, size);
            if (length_ > limits_.max_body && body.size() >= limits_.max_body) return end_at_limit();
            return size == missing;
        }
        case body_end::last_chunk:
            return take_chunks();
        case body_end::connection:
            body.append(pending_);
            pending_.clear();
            if (body.size() > limits_.max_body) return end_at_limit();
            return false;
    }
    return false;
}

result<bool> answer_reader::take_chunks() {
    if (pending_.empty()) return false;
    std::size_t taken = 0;
    const auto progress = parser_->parse_body(pending_, taken);
    pending_.erase(0, taken);
    if (progress == parser::progress::too_large || answer_.body.size() > limits_.max_body)
        return end_at_limit();
    switch (progress) {
        case parser::progress::done:
            return true;
        case parser::progress::too_large:
            break;
        case parser::progress::malformed:
            return no_http("its chunks are malformed");
        case parser::progress::more:
            break;
    }
    if (taken > framing_left_) return end_at_limit();
    framing_left_ -= taken;
    if (pending_.size() >= chunk_line_limit) return no_http("the header of a chunk is too long");
    return false;
}

result<void> answer_reader::end(bool clean) const {
    const auto cut = [](const std::string& where) {
        return error{errc::unavailable, "the answer is cut short: the connection ended " + where};
    };
    if (!begun_) return error{errc::unavailable, "the connection ended before any answer"};
    if (!head_done_) return cut("within its header");
    switch (body_end_) {
        case body_end::none:
            break;
        case body_end::length:
            return cut(
                "after " + std::to_string(answer_.body.size()) + " of " + std::to_string(length_) +
                " bytes of its body"
            );
        case body_end::last_chunk:
            return cut("before its last chunk");
        case body_end::connection:
            // Anyone on the way can end a connection; without TLS's own goodbye nobody knows who did.
            if (!clean) return cut("without being closed properly, which alone would tell that all is there");
            break;
    }
    return {};
}

bool answer_reader::reusable() const {
    return body_end_ != body_end::connection && !surplus_ && !truncated_ && parser_->version_11() &&
           !parser_->closes();
}

client_response answer_reader::release() {
    return std::move(answer_);
}

/// The body is larger than is taken: an error, or the answer's end.
result<bool> answer_reader::end_at_limit() {
    const auto limit = limits_.max_body;
    if (!limits_.truncate)
        return error{
            errc::overloaded, "the answer's body is larger than " + std::to_string(limit) + " bytes"};
    if (answer_.body.size() > limit) answer_.body.resize(limit);
    truncated_ = true;
    return true;
}

}  // namespace callhook::http
