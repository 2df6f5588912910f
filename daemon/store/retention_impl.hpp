#pragma once

// Private to store/: what the files of `retention_store` share.

#include "store/retention_store.hpp"
#include "store/session.hpp"

namespace callhook::store {

struct retention_store::impl {
    impl(const settings& where, std::chrono::milliseconds count_timeout)
        : db{where, "retention"}, count_timeout{count_timeout} {
        db.on_connect([this](session&) { acquired = false; });
    }

    session db;
    const std::chrono::milliseconds count_timeout;
    bool acquired = false;
};

namespace sql {

/// The sequencer's mutex.
inline constexpr statement lock_head_to_expire{
    "retention_lock_head", "SELECT outcomes, floor FROM feed_head FOR UPDATE"};

}  // namespace sql

/// How many rows one step takes.
inline constexpr std::int64_t rows_a_step = 1'000;

/// Runs `work` in a transaction that drops something; `in_use` where a lock was not to be had at once.
template <class Work>
drop_outcome drop_now_or_later(session& db, const char* name, Work&& work) {
    try {
        return db.transact(name, std::forward<Work>(work));
    } catch (const failure& e) {
        // lock_not_available, deadlock_detected
        if (e.sqlstate() != "55P03" && e.sqlstate() != "40P01") throw;
        return drop_outcome::in_use;
    }
}

/// From here on the transaction waits for no lock: whoever comes after it would wait as long.
inline void wait_for_nobody(pqxx::work& tx) {
    tx.exec("SET LOCAL lock_timeout = '100ms'");
}

}  // namespace callhook::store
