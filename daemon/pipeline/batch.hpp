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
    /// Whether what a person does after an erasure is emptied on arrival too.
    bool erase_later = false;
    /// Whether to look for what is due beside deliveries: overdue calls, gap reports, announcements.
    bool also_due = true;
    /// Whether to keep the events for who follows the feed.
    bool keep_events = false;
};

class look_ahead;

/// What a batch came to.
struct batch_report {
    /// (source, event, result) to deliveries; the event is a documented name, `record` for what the
    /// vendor's API gave, or `unknown`.
    std::map<std::tuple<std::string, std::string, std::string>, std::size_t> deliveries{};
    std::size_t taken = 0;
    std::size_t events = 0;
    /// The head before it, and after.
    std::int64_t after = 0;
    store::feed_head head{};
    /// In the order of their positions; empty where they were not to be kept.
    std::vector<store::event_row> kept{};
};

/// One step of the sequencer, inside its transaction: takes what is pending, decodes, correlates, and writes
/// outcomes, records, events and the new head. Throws only what the store throws; a delivery that breaks the
/// decoder is quarantined like one that it refuses, so that no delivery can stop the feed. `ahead`, where
/// there is one, gives what it has, and reads on from the moment when it is the database that has to work.
batch_report sequence_batch(
    store::sequencer_transaction& tx,
    const sources::decoder_table& decoders,
    const settings& how,
    utc_time now,
    look_ahead* ahead = nullptr
);

}  // namespace callhook::pipeline
