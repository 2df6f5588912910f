#pragma once

#include "store/settings.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace callhook::store {

/// The ledger as the database alone shows it, all of one snapshot.
struct audit_report {
    /// A number to read, for example how many deliveries are quarantined.
    struct total {
        std::string name{};
        std::int64_t value = 0;
    };
    /// Something that must hold, and how often it does not.
    struct check {
        std::string name{};
        std::int64_t violations = 0;
    };
    std::vector<total> totals{};
    std::vector<check> checks{};

    [[nodiscard]] bool balanced() const;
};

/// Reads the whole ledger, in one REPEATABLE READ snapshot, changing nothing. Throws `failure`.
audit_report audit(const settings& where);

}  // namespace callhook::store
