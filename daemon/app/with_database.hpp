#pragma once

#include "app/exit_codes.hpp"
#include "app/rooms.hpp"
#include "store/failure.hpp"
#include "store/migrations.hpp"

#include <iostream>

namespace callhook::app {

/// Runs a command that needs the database, and says on stderr what its failure means; the exit code.
template <class Work>
int with_database(Work work) {
    try {
        return work();
    } catch (const store::failure& e) {
        std::cerr << "callhookd: " << e.what() << '\n';
        const bool mismatch = e.cause().code == errc::mismatch;
        if (mismatch) std::cerr << "hint: is the schema there? callhookd migrate --status tells\n";
        return mismatch ? exit_code::configuration : exit_code::unavailable;
    }
}

/// The same for one that must know all there is, since it judges or changes it: refused where the schema is
/// newer than this binary, as it may be in the middle of an upgrade.
template <class Work>
int with_known_schema(const settings& values, Work work) {
    return with_database([&] {
        const auto mismatch = store::read_schema_status(store_settings(values)).mismatch();
        if (mismatch.empty()) return work();
        std::cerr << "callhookd: " << mismatch << '\n';
        return exit_code::configuration;
    });
}

}  // namespace callhook::app
