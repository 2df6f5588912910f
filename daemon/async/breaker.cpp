#include "async/breaker.hpp"

#include <algorithm>

namespace callhook::async {

std::optional<breaker::leave> breaker::allow(time_point now) {
    if (!would_allow(now)) return {};
    if (open_) {
        trying_ = true;
        ++turn_;
    }
    return leave{turn_};
}

void breaker::succeeded(leave of) {
    if (of.turn != turn_) return;
    failures_ = 0;
    open_ = false;
    trying_ = false;
    retry_at_ = time_point::min();
}

void breaker::failed(leave of, time_point now) {
    if (of.turn != turn_) return;
    ++failures_;
    if (!open_ && failures_ < how_.failures) return;
    pause_ = open_ ? std::min(pause_ * 2, how_.longest) : how_.pause;
    open_ = true;
    trying_ = false;
    ++turn_;
    retry_at_ = now + pause_;
}

void breaker::abandoned(leave of) {
    if (of.turn == turn_) trying_ = false;
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
