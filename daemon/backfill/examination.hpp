#pragma once

#include "backfill/comparison.hpp"
#include "backfill/stretches.hpp"
#include "sources/source.hpp"
#include "store/backfill_store.hpp"

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace callhook::backfill {

/// When a missing webhook counts as missing.
struct gap_rules {
    /// Calls from before that are history: no webhook of them was to be expected.
    utc_time since{};
    /// So long after its beginning a call has ended, and its webhooks have come or never will.
    std::chrono::milliseconds ended_after{};
};

/// A record that tells something new, and what.
struct news {
    lifecycle::call_key key{};
    std::string record{};
    finding found{};
};

/// A webhook that has not come, of a call that is too young to say that it never will.
struct suspect {
    std::int64_t call_id = 0;
    std::vector<std::string> missing{};
};

/// What a number of records came to, compared with what is stored.
struct examined {
    std::vector<std::int64_t> ids{};  ///< of all that could be read
    std::vector<news> fresh{};
    std::vector<store::missing_webhook> missing{};
    std::vector<suspect> suspects{};
    std::vector<utc_time> created_at{};  ///< of calls without a slot, for the zone check
    std::size_t unchanged = 0;
    std::vector<std::size_t> unreadable{};  ///< a hash of each such record
    std::string unreadable_reason{};
    /// Calls whose record is about somebody else.
    std::vector<std::int64_t> others{};
    /// A call that shows that webhooks and API mean the same by an id, or that they do not.
    std::optional<std::int64_t> confirmed_by{};
    std::optional<std::int64_t> contradicted_by{};
};

/// Decodes the records that were fetched at `at` and compares each with its call, but for calls in `seen`,
/// which grows by those that were compared. Reads the database; made for its thread, since a page of records
/// takes a while. Throws `store::failure`.
examined examine(
    store::backfill_store& db,
    const sources::decoder& decoder,
    const std::string& source,
    const std::vector<std::string>& records,
    utc_time at,
    const gap_rules& rules,
    std::set<std::int64_t>& seen
);

/// Which of the suspects' webhooks have not come even now. Throws `store::failure`.
std::vector<store::missing_webhook> still_missing(
    store::backfill_store& db, const std::string& source, const std::vector<suspect>& suspects
);

/// The stored facts of one call; empty for an unknown one. Throws `store::failure`, and std::exception where
/// they cannot be read.
lifecycle::fact_set stored_facts(store::backfill_store& db, const lifecycle::call_key& key);

}  // namespace callhook::backfill
