#pragma once

// Private to store/: what the files of `backfill_store` share.

#include "store/backfill_store.hpp"
#include "store/session.hpp"

namespace callhook::store {

struct backfill_store::impl {
    impl(const settings& where, const std::string& role) : db{where, role} {
        db.on_connect([](session& s) {
            s.run("short statements", [](pqxx::nontransaction& tx) { tx.exec("SET jit = off"); });
        });
    }
    session db;
};

}  // namespace callhook::store
