#pragma once

#include "http/message.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace callhook::http {

/// The bytes of request bodies that are in memory at this moment, over all connections of one server, and
/// their bound. Loop thread.
struct body_budget {
    std::size_t limit = 0;
    std::size_t used = 0;
};

/// One request's body while it arrives: grows the string in few steps, keeps simdjson's padding, and charges
/// what it allocates to the budget until it goes. Loop thread; the budget outlives it.
class body_sink {
public:
    /// What is reserved at most before bytes arrive, whatever the client announces: so little that as many
    /// connections as there are by default cannot use up the budget by announcing bodies that never come.
    static constexpr std::size_t first_reserve = 16 * 1024;

    explicit body_sink(body_budget& budget) : budget_{budget} {}
    body_sink(const body_sink&) = delete;
    body_sink& operator=(const body_sink&) = delete;
    ~body_sink() { budget_.used -= charged_; }

    /// Makes room for `size` bytes of body and the padding; false when the budget is used up.
    bool reserve(std::size_t size) {
        if (size > charged_) {
            if (budget_.used + (size - charged_) > budget_.limit) return false;
            budget_.used += size - charged_;
            charged_ = size;
        }
        body_.reserve(size + body_padding);
        return true;
    }

    /// Appends, growing by doubling; false when the budget is used up.
    bool append(std::string_view piece) {
        const auto size = body_.size() + piece.size();
        if (size + body_padding > body_.capacity() && !reserve(std::max(size, 2 * body_.size())))
            return false;
        body_.append(piece);
        return true;
    }

    std::string& body() noexcept { return body_; }

private:
    body_budget& budget_;
    std::size_t charged_ = 0;
    std::string body_;
};

}  // namespace callhook::http
