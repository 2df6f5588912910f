#include "base/repeats.hpp"

#include <utility>

namespace callhook {

std::optional<std::size_t> repeats::take(std::string_view message, time_point now) {
    auto found = accounts_.find(message);
    if (found == accounts_.end())
        found = accounts_.emplace(std::string{message}, account{now + window_}).first;
    auto& of = found->second;
    if (now >= of.until) of = {now + window_, 0, of.left_out};
    if (of.written >= kept_) {
        ++of.left_out;
        return {};
    }
    ++of.written;
    return std::exchange(of.left_out, 0);
}

void repeats::tell(time_point now, const std::function<void(std::string_view, std::size_t)>& told) {
    for (auto next = accounts_.begin(); next != accounts_.end();) {
        const auto& [message, of] = *next;
        if (now < of.until) {
            ++next;
            continue;
        }
        if (of.left_out > 0) told(message, of.left_out);
        next = accounts_.erase(next);
    }
}

}  // namespace callhook
