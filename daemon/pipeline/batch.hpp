#pragma once

#include "sources/source.hpp"
#include "store/sequencer_store.hpp"

#include <chrono>
#include <map>
#include <string>
#include <tuple>

namespace callhook::pipeline {

struct settings {
    /// Deliveries taken in one transaction; whole group commits, so it may be a little more.
    std::size_t batch_deliveries = 1'000;
    /// A call without an outcome so long after it was ordered, or after its slot, is overdue.
    std::chrono::seconds outcome_deadline{30 * 60};
    /// An identical message so soon after the first is a repeat of it.
    std::chrono::seconds message_window{24 * 3600};
    /// How far a message and a call of the same visitor may be apart and still be tied.
    std::chrono::seconds message_call_window{24 * 3600};
};

/// What a batch came to.
struct batch_report {
    /// (source, event, result) to deliveries; the event is a documented name, `record` for what the
    /// vendor's API gave, or `unknown`.
    std::map<std::tuple<std::string, std::string, std::string>, std::size_t> deliveries{};
    std::size_t taken = 0;
    std::size_t events = 0;
    std::int64_t position = 0;
    utc_time oldest_received_at{};
};

/// One step of the sequencer, inside its transaction: takes what is pending, decodes, correlates, and writes
/// outcomes, records, events and the new head. Throws only what the store throws; a delivery that breaks the
/// decoder is quarantined like one that it refuses, so that no delivery can stop the feed.
batch_report sequence_batch(
    store::sequencer_transaction& tx,
    const sources::decoder_table& decoders,
    const settings& how,
    utc_time now
);

}  // namespace callhook::pipeline
