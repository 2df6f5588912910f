#pragma once

#include "store/settings.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace callhook::store {

/// One numbered step of the schema, from `migrations/NNNN_name.sql`.
struct migration {
    int number = 0;
    std::string_view name{};
    std::string_view sql{};
};

/// Those built into this binary, in order.
const std::vector<migration>& embedded_migrations();

/// How the database's schema stands to this binary's migrations.
struct schema_status {
    struct step {
        int number = 0;
        std::string name{};
        bool applied = false;
        /// RFC 3339; empty where it is not applied.
        std::string applied_at{};
        /// The applied text is not this binary's text.
        bool changed = false;
        /// Applied, but unknown to this binary: the schema is newer than it is.
        bool unknown = false;
    };
    std::vector<step> steps{};
    /// A server setting without which a crash loses what was committed (`fsync`, `full_page_writes`), where
    /// it is off.
    std::string unsafe_setting{};

    [[nodiscard]] bool up_to_date() const;
    /// Why this binary must not run against the database (its schema is newer or changed, or the server does
    /// not keep what it commits), with the fix; empty where it may.
    [[nodiscard]] std::string mismatch() const;
    [[nodiscard]] int pending() const;
};

/// Reads the status without changing anything. Throws `failure`.
schema_status read_schema_status(const settings& where);

/// Applies what is pending, each step in a transaction of its own, under an advisory lock so that two
/// starters queue. Returns the status afterwards; a schema with a mismatch is left alone. Throws `failure`.
schema_status migrate(const settings& where);

}  // namespace callhook::store
