#pragma once

#include "async/completion.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "store/failure.hpp"
#include "store/queries.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>

#include <functional>
#include <memory>
#include <type_traits>

namespace callhook::store {

/// Runs queries on a few threads with a connection each, for coroutines of the event loop. The queue before
/// them is bounded.
class reader_pool {
public:
    reader_pool(const settings& where, std::size_t threads, metrics_registry& metrics);
    ~reader_pool();
    reader_pool(const reader_pool&) = delete;
    reader_pool& operator=(const reader_pool&) = delete;

    /// Runs `query(queries&)` on one of the threads and resumes with what it returns. `overloaded` where too
    /// many wait; what the store throws comes back as its error. `query` must own what it uses. Name a
    /// capturing lambda before the `co_await`: GCC 12 destroys one written inside it twice.
    template <class Query>
    auto run(Query query) -> boost::asio::awaitable<result<std::invoke_result_t<Query, queries&>>> {
        using value = std::invoke_result_t<Query, queries&>;
        using outcome = result<value>;
        return async::suspend<outcome>([this,
                                        query = std::move(query)](async::completion<outcome> done) mutable {
            const auto executor = done.executor();
            const bool taken = submit([query = std::move(query), done, executor](queries& q) mutable {
                auto answer = std::make_shared<outcome>(attempt<value>(query, q));
                boost::asio::post(executor, [done = std::move(done), answer] { done(std::move(*answer)); });
            });
            if (taken) return;
            boost::asio::post(executor, [done] {
                done(error{errc::overloaded, "too many queries wait", ""});
            });
        });
    }

    /// Refuses new queries, finishes those that wait, joins the threads.
    void stop();

private:
    template <class Value, class Query>
    static result<Value> attempt(Query& query, queries& q) {
        try {
            try {
                return query(q);
            } catch (const failure& e) {
                // A connection that broke while nobody used it says so only now. Reading again is harmless.
                if (!e.sqlstate().empty()) throw;
                return query(q);
            }
        } catch (const failure& e) {
            return e.cause();
        } catch (const std::exception&) {
            // Breakage: what() may quote a row, so it stays unsaid.
            log::error("a query broke");
            return error{errc::unavailable, "the query could not be answered", ""};
        }
    }

    bool submit(std::function<void(queries&)> job);

    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace callhook::store
