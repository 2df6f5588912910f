#pragma once

#include "lifecycle/record.hpp"

#include <chrono>
#include <optional>
#include <vector>

namespace callhook::lifecycle {

/// The facts known of one call, each once: the state from which the record follows.
///
/// Invariant: sorted by fact, no two equal. Merging is commutative, associative and idempotent, because the
/// set of facts is, and because of two equal facts always the same observation is kept (a webhook's first
/// copy, a record's last fetch; then the smaller delivery id).
class fact_set {
public:
    fact_set() = default;

    /// Any order, any repetition.
    explicit fact_set(std::vector<observation> observations);

    /// What an insertion did to the set.
    enum class change : std::uint8_t { added, reobserved, none };

    change insert(observation o);

    [[nodiscard]] const std::vector<observation>& observations() const noexcept { return observations_; }
    [[nodiscard]] bool empty() const noexcept { return observations_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return observations_.size(); }
    [[nodiscard]] bool has(fact_kind kind) const noexcept;

    bool operator==(const fact_set&) const = default;

private:
    std::vector<observation> observations_;
};

/// A record and where its fields came from.
struct folded {
    call_record record{};
    provenance from{};
};

/// Derives the record of one call. Requires a set that is not empty and whose facts share one key.
///
/// Settlement, all by content: a field's value comes from the fact of the highest rank that has it; among
/// equals from the fuller fact, then the one with more attempts, then the later vendor time, then a fixed
/// order. A changeable field is taken from a backfilled record instead if that was fetched after the winning
/// webhook was first received.
folded fold(const fact_set& facts);

/// When a call without an outcome becomes overdue: `patience` after it was ordered, or after its slot.
/// Nothing for a call that has an outcome or no readable time.
std::optional<std::chrono::sys_seconds> overdue_at(const call_record& record, std::chrono::seconds patience);

/// The names of the fields in which two records of one call differ, as records show them, sorted.
std::vector<std::string> differing_fields(const call_record& before, const call_record& after);

}  // namespace callhook::lifecycle
