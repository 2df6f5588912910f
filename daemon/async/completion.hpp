#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace callhook::async {

/// The other end of a suspended coroutine: calling it resumes that coroutine with the value. Copies share the
/// one coroutine; the first call counts, later ones do nothing. Call it on the coroutine's own thread only;
/// from elsewhere post a call to `executor`.
template <class T>
class completion {
public:
    completion() = default;

    template <class Handler>
    explicit completion(Handler handler)
        : state_{std::make_shared<state>(state{boost::asio::get_associated_executor(handler), {}})} {
        auto held = std::make_shared<Handler>(std::move(handler));
        auto work = boost::asio::make_work_guard(state_->executor);
        state_->resume = [held, work](T value) mutable { std::move (*held)(std::move(value)); };
    }

    void operator()(T value) const {
        if (auto resume = std::exchange(state_->resume, {})) resume(std::move(value));
    }

    /// Whether the coroutine has been resumed already. The coroutine's own thread only.
    [[nodiscard]] bool done() const noexcept { return !state_->resume; }

    [[nodiscard]] boost::asio::any_io_executor executor() const { return state_->executor; }

private:
    struct state {
        boost::asio::any_io_executor executor;
        std::function<void(T)> resume;
    };
    std::shared_ptr<state> state_;
};

/// Suspends the calling coroutine and hands `start` the completion that will resume it. Whoever holds the
/// completion must call it some time: a coroutine that is never resumed never ends.
template <class T, class Start>
boost::asio::awaitable<T> suspend(Start start) {
    co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(T)>(
        [](auto handler, Start begin) { begin(completion<T>{std::move(handler)}); },
        boost::asio::use_awaitable,
        std::move(start)
    );
}

}  // namespace callhook::async
