#pragma once

#include "spool/local_store.hpp"
#include "store/inbox.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>

namespace callhook::ingest {

/// Where a delivery is tried, and for how long. Pure.
struct intake_plan {
    enum class place { nowhere, inbox, spool };
    place first = place::inbox;
    place second = place::nowhere;
    /// Whether the first place has only `after`, not the whole deadline.
    bool hurry = false;
};

/// The inbox while it works, the spool while it does not. Where only one of them works, that one has all of
/// the time; where neither seems to, both are tried, since either may be back.
intake_plan plan_intake(bool inbox_works, bool spool_works) noexcept;

/// Makes a delivery durable in the database or, where that does not take it, on the local disk. One
/// thread, that of the loop of webhooks.
class intake {
public:
    /// `spool` may be null: then there is the inbox alone. `after` is how long it has before the spool's
    /// turn.
    intake(store::inbox& inbox, spool::local_store* spool, std::chrono::milliseconds after)
        : inbox_{inbox}, spool_{spool}, after_{after} {}

    /// Success: it is durable in one place, or in both. An error: it is not promised to be in either.
    boost::asio::awaitable<result<void>> keep(
        lifecycle::delivery d, std::chrono::steady_clock::time_point deadline
    );

    /// Why nothing would be kept now; empty where it would. Any thread.
    [[nodiscard]] std::string trouble() const;

private:
    boost::asio::awaitable<result<void>> keep_somewhere(
        store::shared_delivery d, std::chrono::steady_clock::time_point deadline
    );
    boost::asio::awaitable<result<void>> keep_in(
        intake_plan::place where,
        const store::shared_delivery& d,
        std::chrono::steady_clock::time_point deadline
    );

    store::inbox& inbox_;
    spool::local_store* spool_;
    std::chrono::milliseconds after_;
};

}  // namespace callhook::ingest
