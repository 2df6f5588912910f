#pragma once

// Private to store/: what the files of `queries` share.

#include "store/queries.hpp"
#include "store/session.hpp"

namespace callhook::store {

struct queries::impl {
    impl(const settings& where, const std::string& role) : db{where, role} {
        // Listening begins with the connection, before anything is read: no commit can fall in between.
        const bool listens = role == "feed";
        db.on_connect([listens](session& s) {
            // A read replica cannot listen; there the tail's slow poll is what sees new events.
            if (listens && !in_recovery(s)) s.listen("callhook_feed");
            // Most parameters here are filters that may be null: only a plan for the values at hand uses the
            // right index.
            s.run("plan for the values at hand", [](pqxx::nontransaction& tx) {
                tx.exec("SET plan_cache_mode = force_custom_plan; SET jit = off");
            });
        });
    }
    static bool in_recovery(session& s) {
        return s.run("ask for recovery", [](pqxx::nontransaction& tx) {
            return tx.exec("SELECT pg_is_in_recovery()")[0][0].as<bool>();
        });
    }

    session db;
};

}  // namespace callhook::store
