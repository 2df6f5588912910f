#pragma once

#include "lifecycle/identifier.hpp"
#include "pipeline/batch.hpp"
#include "records/record_json.hpp"
#include "store/erasures.hpp"
#include "store/settings.hpp"

#include <cstdint>
#include <functional>

namespace callhook::pipeline {

struct erasure_order {
    lifecycle::identifier who{};
    /// Says what would be removed and removes nothing.
    bool dry_run = false;
};

struct erasure_report {
    store::erasure_receipt receipt{};
    store::erasure_counts counts{};
    /// What was looked through: deliveries, calls and messages.
    std::int64_t scanned = 0;
};

/// Removes a person in one transaction: whatever was received about them is emptied, whatever was made of it
/// is gone, their events hold their positions and no more, a receipt is written, and `subject.erased` is
/// told. First everything is looked through while the sequencer goes on; then, while it waits, only what has
/// come since. What still waited to be sequenced is sequenced first. `progress(done, all)` is called now and
/// then. Throws `store::failure`.
erasure_report erase(
    const store::settings& where,
    const sources::decoder_table& decoders,
    const settings& how,
    const clock_source& clock,
    const erasure_order& order,
    const std::function<void(std::int64_t, std::int64_t)>& progress
);

/// The keyed hash that stands for an identifier, 32 bytes.
std::string identifier_hash(std::string_view key, const lifecycle::identifier& who);

/// Counts as the receipt and the event have them.
json::object counts_json(const store::erasure_counts& counts);

/// The `subject.erased` events of one erasure: of each source at least one, none with more subjects than fit.
/// One without a source where nothing was told of the person.
std::vector<records::cloud_event> erasure_events(
    const store::erasure_receipt& receipt, const store::erased_rows& removed, utc_time recorded_at
);

}  // namespace callhook::pipeline
