#pragma once

#include "store/sequencer_store.hpp"

#include <functional>
#include <string>
#include <vector>

namespace callhook::store {

/// All that may tell of a person, a page at a time.
class erasure_scan {
public:
    virtual ~erasure_scan() = default;

    /// The feed head's `outcomes` as of which this is.
    [[nodiscard]] virtual std::int64_t outcomes() const = 0;
    /// How many rows there are to come, as a guide for a progress bar.
    virtual std::int64_t rows() = 0;

    struct body {
        uuid id{};
        std::string source{};
        std::string text{};
    };
    struct facts {
        lifecycle::call_key key{};
        std::string text{};
    };
    struct message {
        uuid id{};
        std::string source{};
        std::string fact{};
    };
    // Each empty at its end.
    virtual std::vector<body> next_deliveries() = 0;
    virtual std::vector<facts> next_calls() = 0;
    virtual std::vector<message> next_messages() = 0;
};

/// Reads everything that has been decided, in one snapshot, while the sequencer goes on. Throws `failure`.
void scan_for_erasure(const settings& where, const std::function<void(erasure_scan&)>& work);

/// Runs `work` in one transaction that holds the head's lock: the sequencer waits, and what `work` does
/// appears at once, where it returns true, or not at all. Throws `failure`.
class erasure_transaction {
public:
    virtual ~erasure_transaction() = default;
    virtual sequencer_transaction& sequencing() = 0;
    /// Deliveries decided after these outcomes, also within this transaction. Its calls and messages are
    /// none.
    virtual std::unique_ptr<erasure_scan> decided_after(std::int64_t outcomes) = 0;
};
void erase(const settings& where, const std::function<bool(erasure_transaction&)>& work);

/// Lets go of the space that emptied and removed rows still take, and of what statistics remember of them;
/// the names of tables for which it could not be done.
std::vector<std::string> vacuum_erased(const settings& where);

/// The receipts, the newest first. Throws `failure`.
std::vector<erasure_receipt> list_erasures(const settings& where);

}  // namespace callhook::store
