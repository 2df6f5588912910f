#include "async/scope.hpp"

#include "base/log.hpp"

#include <boost/asio/co_spawn.hpp>

#include <utility>

namespace callhook::async {

scope::scope(const boost::asio::any_io_executor& executor, std::string name)
    : executor_{executor}, name_{std::move(name)}, ended_{executor} {}

void scope::spawn(boost::asio::awaitable<void> work) {
    ++running_;
    auto ended = [this](const std::exception_ptr& broke) {
        --running_;
        if (broke) log::error("a background task broke", {{"task", name_}});
        ended_.notify_all();
    };
    boost::asio::co_spawn(executor_, std::move(work), std::move(ended));
}

boost::asio::awaitable<void> scope::join() {
    while (running_ > 0)
        co_await ended_.wait(std::chrono::steady_clock::time_point::max());
}

}  // namespace callhook::async
