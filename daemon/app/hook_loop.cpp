#include "app/hook_loop.hpp"

#include <boost/asio/post.hpp>

#include <exception>
#include <pthread.h>

namespace callhook::app {

namespace asio = boost::asio;
using steady = std::chrono::steady_clock;

hook_loop::hook_loop(asio::io_context& main, std::chrono::milliseconds patience)
    : main_{main}, patience_{patience}, work_{loop_.get_executor()} {}

hook_loop::~hook_loop() {
    stop();
}

void hook_loop::start() {
    thread_ = std::thread{[this] {
        try {
            loop_.run();
        } catch (...) {
            asio::post(main_, [broken = std::current_exception()] { std::rethrow_exception(broken); });
        }
    }};
    ::pthread_setname_np(thread_.native_handle(), "hooks");
}

void hook_loop::stop() {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
}

void hook_loop::ask() {
    if (!answered_) return;
    answered_ = false;
    asked_at_ = steady::now();
    asio::post(loop_, [this] { answered_ = true; });
}

bool hook_loop::alive() const noexcept {
    return answered_ || steady::now() - asked_at_ < patience_;
}

}  // namespace callhook::app
