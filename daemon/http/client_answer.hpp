#pragma once

#include "base/result.hpp"
#include "http/client.hpp"
#include "http/framing.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace callhook::http {

/// Puts one answer together from bytes as they come, whatever their portions, and skips the interim (1xx)
/// answers before it. Private to this folder, pure; Beast stays behind it. The messages of its errors are
/// public and hold nothing of the answer.
class answer_reader {
public:
    struct bounds {
        std::size_t max_header = 0;  ///< status line and fields
        std::size_t max_body = 0;    ///< after removing chunk framing
        bool truncate = false;       ///< a larger body ends there and is no error
    };

    /// `to_head`: the request was a HEAD, whose answer ends with its header.
    answer_reader(bounds limits, bool to_head);
    ~answer_reader();
    answer_reader(const answer_reader&) = delete;
    answer_reader& operator=(const answer_reader&) = delete;

    /// Takes the next bytes and says whether the answer is whole now; then no more may be given.
    /// `unavailable`: no HTTP; `overloaded`: over a bound, by what it announces or by what came.
    result<bool> take(std::string_view bytes);

    /// The connection has ended before the answer was known to be whole. Fine only where the end is what
    /// marks the body's end and it was `clean` (a FIN, with TLS its close_notify); `unavailable` otherwise.
    [[nodiscard]] result<void> end(bool clean) const;

    /// Whether any byte came.
    [[nodiscard]] bool begun() const noexcept { return begun_; }

    /// Once whole: whether another request may go over the same connection.
    [[nodiscard]] bool reusable() const;

    /// Once whole, once: the answer.
    client_response release();

private:
    class parser;
    enum class body_end { none, length, last_chunk, connection };

    result<bool> take_head();
    result<void> begin_body();
    result<bool> take_body();
    result<bool> take_chunks();
    result<bool> end_at_limit();

    bounds limits_;
    bool to_head_;
    bool begun_ = false;
    bool head_done_ = false;
    bool surplus_ = false;    ///< bytes came after the answer
    bool truncated_ = false;  ///< bytes of the answer were not taken
    unsigned interim_ = 0;
    body_end body_end_ = body_end::none;
    std::uint64_t length_ = 0;
    std::size_t framing_left_ = 0;  ///< how many wire bytes a chunked body may still take
    std::string pending_;           ///< came, but not parsed
    head_scanner scanner_;
    client_response answer_;
    std::unique_ptr<parser> parser_;
};

}  // namespace callhook::http
