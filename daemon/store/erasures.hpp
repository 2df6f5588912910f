#pragma once

#include "base/uuid.hpp"
#include "lifecycle/facts.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace callhook::store {

/// The type of an event whose person was erased: its row keeps its position and nothing else.
inline constexpr const char* erased_event_type = "erased";
/// The type of the event that tells of an erasure.
inline constexpr const char* erasure_event_type = "subject.erased";

/// What a person is found in.
struct erasure_targets {
    std::vector<uuid> deliveries{};
    std::vector<lifecycle::call_key> calls{};
    std::vector<uuid> messages{};

    [[nodiscard]] bool empty() const noexcept {
        return deliveries.empty() && calls.empty() && messages.empty();
    }
};

/// How much was removed. `spooled` is for whoever empties the spool to say.
struct erasure_counts {
    std::int64_t deliveries = 0;   ///< emptied, those in quarantine among them
    std::int64_t quarantined = 0;  ///< of these, in quarantine
    std::int64_t calls = 0;
    std::int64_t messages = 0;
    std::int64_t events = 0;
    std::int64_t outbound_messages = 0;
    std::int64_t outbound_attempts = 0;
    std::int64_t jobs = 0;

    bool operator==(const erasure_counts&) const = default;
};

/// What one act of erasing came to.
struct erased_rows {
    erasure_counts counts{};
    /// All that the feed may have told of, in the order of source and id.
    std::vector<lifecycle::call_key> calls{};
    struct message_key {
        std::string source{};
        uuid id{};

        auto operator<=>(const message_key&) const = default;
    };
    std::vector<message_key> messages{};
};

/// Somebody who was erased, most lately at `erased_at`.
struct erased_person {
    uuid erasure{};
    utc_time erased_at{};
};

/// A row of `erasures`.
struct erasure_receipt {
    uuid id{};
    std::string kind{};             ///< `phone` or `email`
    std::string identifier_hash{};  ///< 32 bytes
    utc_time erased_at{};
    std::string counts{};  ///< a JSON object

    bool operator==(const erasure_receipt&) const = default;
};

/// Erasing within a transaction of the sequencer. All throw `failure`.
class erasure_access {
public:
    virtual ~erasure_access() = default;

    /// The key under which identifiers are hashed.
    virtual std::string key() = 0;
    /// Those of the calls that were erased, with the erasure each.
    virtual std::map<lifecycle::call_key, uuid> calls(const std::vector<lifecycle::call_key>& keys) = 0;
    /// Those of the hashes that are of somebody who was erased.
    virtual std::map<std::string, erased_person> people(const std::vector<std::string>& hashes) = 0;

    /// The receipt of an erasure that there was.
    virtual erasure_receipt receipt(const uuid& id) = 0;
    /// Writes a receipt.
    virtual void record(const erasure_receipt& receipt) = 0;
    /// Removes calls and messages with all that is about them, and empties the deliveries that told of them.
    /// The targets grow: by the calls and messages that the deliveries are about, the calls that messages
    /// link to, and the messages that are tied to a call. The calls do not come back. `by` must be recorded
    /// before the transaction ends.
    virtual erased_rows erase(const erasure_targets& what, const uuid& by) = 0;
    /// Empties deliveries that have no outcome yet.
    virtual void empty(const std::vector<uuid>& deliveries) = 0;
    /// Sees to it that calls of which nothing is stored do not come.
    virtual void refuse(const std::map<lifecycle::call_key, uuid>& calls) = 0;
};

}  // namespace callhook::store
