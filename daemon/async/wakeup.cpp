#include "async/wakeup.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace callhook::async {

namespace asio = boost::asio;

wakeup::wakeup(const asio::any_io_executor& executor)
    : signal_{executor, asio::steady_timer::time_point::max()} {}

void wakeup::notify_all() {
    signal_.cancel();
}

asio::awaitable<void> wakeup::wait(std::chrono::steady_clock::time_point deadline) {
    using namespace asio::experimental::awaitable_operators;
    if (closed_) co_return;
    asio::steady_timer limit{signal_.get_executor(), deadline};
    boost::system::error_code ignored;
    boost::system::error_code also_ignored;
    co_await (
        signal_.async_wait(asio::redirect_error(asio::use_awaitable, ignored)) ||
        limit.async_wait(asio::redirect_error(asio::use_awaitable, also_ignored))
    );
}

void wakeup::close() {
    closed_ = true;
    notify_all();
}

}  // namespace callhook::async
