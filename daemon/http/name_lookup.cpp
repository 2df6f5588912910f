#include "http/name_lookup.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace callhook::http {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::size_t most_names = 256;

}  // namespace

struct name_lookup::waiter {
    using names = std::map<std::string, std::vector<std::shared_ptr<waiter>>>;

    /// The names that are being looked up, by all clients of the process, and who waits for them. Never
    /// destroyed: at the program's end a lookup may still be under way.
    static names& pending() {
        static auto& all = *new names;
        return all;
    }
    static std::mutex& guard() {
        static auto& mutex = *new std::mutex;
        return mutex;
    }

    static void look_up(const std::string& host);
    void tell(const name_answer& answer);

    std::mutex mutex{};
    asio::any_io_executor executor{};
    std::function<void(name_answer)> done{};  ///< under the mutex; empty once told or given up
};

/// The thread.
void name_lookup::waiter::look_up(const std::string& host) {
    name_answer answer;
    try {
        asio::io_context unused;
        for (const auto& one : tcp::resolver{unused}.resolve(host, "", answer.failure))
            answer.addresses.push_back(one.endpoint().address());
    } catch (const std::exception&) {
        answer.failure = asio::error::no_memory;
    }
    std::vector<std::shared_ptr<waiter>> waiting;
    {
        const std::lock_guard lock{guard()};
        waiting = std::move(pending().extract(host).mapped());
    }
    for (const auto& one : waiting)
        one->tell(answer);
}

void name_lookup::waiter::tell(const name_answer& answer) {
    const std::lock_guard lock{mutex};
    // Whoever gives up takes `done` away first, so that the executor's loop is there.
    if (!done) return;
    asio::post(executor, [done = std::exchange(done, nullptr), answer] { done(answer); });
}

name_lookup::name_lookup(
    const std::string& host, const asio::any_io_executor& executor, std::function<void(name_answer)> done
)
    : waiter_{std::make_shared<waiter>()} {
    waiter_->executor = executor;
    waiter_->done = std::move(done);
    const std::lock_guard lock{waiter::guard()};
    auto& names = waiter::pending();
    if (const auto same = names.find(host); same != names.end()) {
        same->second.push_back(waiter_);
        return;
    }
    if (names.size() < most_names) {
        names[host].push_back(waiter_);
        try {
            std::thread{waiter::look_up, host}.detach();
            return;
        } catch (const std::system_error&) {
            names.erase(host);
        }
    }
    waiter_->tell({asio::error::host_not_found_try_again, {}});
}

name_lookup::~name_lookup() {
    std::function<void(name_answer)> dropped;  // outlives the lock
    const std::lock_guard lock{waiter_->mutex};
    dropped = std::exchange(waiter_->done, nullptr);
}

}  // namespace callhook::http
