#pragma once

#include "async/completion.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "store/backfill_store.hpp"
#include "store/failure.hpp"
#include "store/feed_store.hpp"
#include "store/queries.hpp"
#include "store/settings.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>

#include <functional>
#include <memory>
#include <type_traits>

namespace callhook::store {

/// What `connection_pool::run` resumes with: what the work returned, where that is no result of its own.
template <class Returned>
struct pool_outcome {
    using type = result<Returned>;
};
template <class T>
struct pool_outcome<result<T>> {
    using type = result<T>;
};

/// Runs work on a few threads with a connection each, for coroutines of the event loop. The queue before them
/// is bounded. `Store` is `queries`, `backfill_store` or `feed_store`.
template <class Store>
class connection_pool {
public:
    connection_pool(const settings& where, std::size_t threads, metrics_registry& metrics);
    ~connection_pool();
    connection_pool(const connection_pool&) = delete;
    connection_pool& operator=(const connection_pool&) = delete;

    /// Runs `work(Store&)` on one of the threads and resumes with what it returns, which may be nothing or a
    /// result.
    /// `overloaded` where too many wait; what the store throws comes back as its error. `work` must own what
    /// it uses. Name a capturing lambda before the `co_await`: GCC 12 destroys one written inside it twice.
    ///
    /// Where the connection breaks, `work` runs a second time from its beginning, so it must be harmless to
    /// repeat, though the first time may have been committed: reading is, and so is all of `backfill_store`
    /// and `feed_store`.
    template <class Work>
    auto run(Work work)
        -> boost::asio::awaitable<typename pool_outcome<std::invoke_result_t<Work, Store&>>::type> {
        using outcome = typename pool_outcome<std::invoke_result_t<Work, Store&>>::type;
        return async::suspend<outcome>([this,
                                        work = std::move(work)](async::completion<outcome> done) mutable {
            const auto executor = done.executor();
            const bool taken = submit([work = std::move(work), done, executor](Store& store) mutable {
                auto answer = std::make_shared<outcome>(attempt<outcome>(work, store));
                boost::asio::post(executor, [done = std::move(done), answer] { done(std::move(*answer)); });
            });
            if (taken) return;
            boost::asio::post(executor, [done] {
                done(error{errc::overloaded, "too many queries wait", ""});
            });
        });
    }

    /// Refuses new work, finishes what waits, joins the threads.
    void stop();

private:
    template <class Outcome, class Work>
    static Outcome attempt(Work& work, Store& store) {
        try {
            try {
                return once<Outcome>(work, store);
            } catch (const failure& e) {
                // A connection that broke while nobody used it says so only now.
                if (!e.sqlstate().empty()) throw;
                return once<Outcome>(work, store);
            }
        } catch (const failure& e) {
            return e.cause();
        } catch (const std::exception&) {
            // Breakage: what() may quote a row, so it stays unsaid.
            log::error("a query broke");
            return error{errc::unavailable, "the query could not be answered", ""};
        }
    }

    template <class Outcome, class Work>
    static Outcome once(Work& work, Store& store) {
        if constexpr (std::is_void_v<std::invoke_result_t<Work, Store&>>) {
            work(store);
            return {};
        } else {
            return work(store);
        }
    }

    bool submit(std::function<void(Store&)> job);

    struct impl;
    std::unique_ptr<impl> impl_;
};

extern template class connection_pool<queries>;
extern template class connection_pool<backfill_store>;
extern template class connection_pool<feed_store>;

/// Answers people and downstream systems.
using reader_pool = connection_pool<queries>;
/// Backfill's, apart from the readers': nobody who reads waits for a comparison.
using backfill_pool = connection_pool<backfill_store>;
/// What consumers and subscriptions write: nobody who reads waits for it.
using feed_pool = connection_pool<feed_store>;

}  // namespace callhook::store
