#pragma once

#include "store/sequencer_store.hpp"

#include <functional>

namespace callhook::store {

/// A stored delivery with what it was decided to be about.
struct decided_delivery {
    pending_delivery delivery{};
    std::optional<std::int64_t> call_id{};
    std::optional<uuid> message_id{};
};

/// What a rebuild reads: every readable delivery again, but for those of final records: of these others have
/// expired, so that the record's own facts are all that tells of them.
class rebuild_source {
public:
    virtual ~rebuild_source() = default;

    /// The next deliveries about calls, call by call, each call's in the order of decision; empty at the end.
    virtual std::vector<decided_delivery> next_of_calls() = 0;
    /// The deliveries that brought each message first; empty at the end. Call it after the last of the calls.
    virtual std::vector<decided_delivery> next_of_messages() = 0;
    /// Stored messages of these ids, in no particular order.
    virtual std::vector<message_row> messages(const std::vector<uuid>& ids) = 0;
    /// How many deliveries there are to come, as a guide for a progress bar.
    virtual std::int64_t deliveries() = 0;

    /// How many records are final, and not to be rebuilt.
    struct finals {
        std::int64_t calls = 0;
        std::int64_t messages = 0;
    };
    virtual finals final_records() = 0;
};

/// Runs `work` in one transaction that holds the head's lock: the sequencer waits, and what `work` writes
/// appears at once or not at all. Throws `failure`.
void rebuild(const settings& where, const std::function<void(sequencer_transaction&, rebuild_source&)>& work);

}  // namespace callhook::store
