#include "async/wakeup.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace callhook::async {

namespace asio = boost::asio;

wakeup::wakeup(const asio::any_io_executor& executor) : executor_{executor} {}

wakeup::~wakeup() {
    notify_all();
}

void wakeup::notify_all() {
    for (auto* timer : *waiting_)
        timer->cancel();
}

asio::awaitable<void> wakeup::wait(std::chrono::steady_clock::time_point deadline) {
    if (closed_) co_return;
    asio::steady_timer timer{executor_, deadline};
    // Also when this coroutine is destroyed while it waits.
    struct place {
        std::shared_ptr<timers> list;
        timers::iterator at;
        ~place() { list->erase(at); }
    };
    const place mine{waiting_, waiting_->insert(waiting_->end(), &timer)};
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<bool> wakeup::sleep_until(std::chrono::steady_clock::time_point deadline) {
    while (!closed_ && std::chrono::steady_clock::now() < deadline)
        co_await wait(deadline);
    co_return !closed_;
}

void wakeup::close() {
    closed_ = true;
    notify_all();
}

}  // namespace callhook::async
