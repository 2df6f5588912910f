#pragma once

// Private to store/: what the files of `feed_store` share.

#include "store/feed_store.hpp"
#include "store/session.hpp"

namespace callhook::store {

struct feed_store::impl {
    impl(const settings& where, const std::string& role) : db{where, role} {
        db.on_connect([](session& s) {
            s.run("short statements", [](pqxx::nontransaction& tx) { tx.exec("SET jit = off"); });
        });
    }
    session db;
};

/// The columns of `subscriptions` that `read_draft` reads, from the first of the row.
#define CALLHOOK_DRAFT_COLUMNS                                                 \
    "name, origin, url, mode, types, sources, subjects, widgets, timeout_ms, " \
    "coalesce(schedule_ms, '{}'), pause_after_ms"
subscription_draft read_draft(const pqxx::row& row);

}  // namespace callhook::store
