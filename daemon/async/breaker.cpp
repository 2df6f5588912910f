#include "async/breaker.hpp"

#include <algorithm>

namespace callhook::async {

bool breaker::allow(time_point now) {
    if (!open_) return true;
    if (trying_ || now < retry_at_) return false;
    trying_ = true;
    return true;
}

void breaker::succeeded() {
    *this = breaker{how_};
}

void breaker::failed(time_point now) {
    // What went out before it opened and fails now tells nothing new.
    if (open_ && !trying_) return;
    ++failures_;
    if (!open_ && failures_ < how_.failures) return;
    pause_ = open_ ? std::min(pause_ * 2, how_.longest) : how_.pause;
    open_ = true;
    trying_ = false;
    retry_at_ = now + pause_;
}

void breaker::abandoned() {
    trying_ = false;
}

std::chrono::milliseconds backoff(
    std::chrono::milliseconds first, std::chrono::milliseconds longest, int attempts, double share
) {
    auto whole = std::min(first, longest);
    for (int i = 1; i < attempts && whole < longest; ++i)
        whole = std::min(whole * 2, longest);
    const auto half = whole / 2;
    return half + std::chrono::milliseconds{static_cast<std::int64_t>(
                      static_cast<double>((whole - half).count()) * std::clamp(share, 0.0, 1.0)
                  )};
}

}  // namespace callhook::async
