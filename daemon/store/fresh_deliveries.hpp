#pragma once

#include "lifecycle/delivery.hpp"
#include "store/rows.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace callhook::store {

/// A delivery on its way into the database, shared by who waits for it and who stores it.
using shared_delivery = std::shared_ptr<const lifecycle::delivery>;

/// Group commits that this daemon has just stored, kept for its own sequencer, which would read them back
/// otherwise. A help and no more: who is not found here is read from the database. What comes while it is
/// full is not kept, since the sequencer takes the oldest first; what is not taken in time is forgotten. All
/// functions: any thread.
class fresh_deliveries {
public:
    using clock = std::chrono::steady_clock;

    /// What nobody has taken for so long, another daemon took.
    static constexpr std::chrono::minutes longest_kept{1};

    /// `most_bytes` bounds the bodies.
    explicit fresh_deliveries(std::size_t most_bytes) : most_bytes_{most_bytes} {}

    /// A group that was committed.
    void put(const std::vector<shared_delivery>& group, clock::time_point now = clock::now());
    /// Takes the group out, in the order of ids; nothing where not all that the row of `pending` names is
    /// here.
    std::optional<std::vector<pending_delivery>> take(const pending_group& wanted);
    /// The same with the oldest; empty where there is none.
    std::vector<pending_delivery> take_oldest();
    void clear();

private:
    using deliveries = std::vector<shared_delivery>;
    struct group {
        deliveries in_order;  ///< of ids
        std::size_t bytes;
        clock::time_point since;
    };

    deliveries remove(std::map<uuid, group>::iterator which);

    const std::size_t most_bytes_;
    std::mutex mutex_;
    /// By the first id, which is a group's name, and nearly in the order of time.
    std::map<uuid, group> groups_;
    std::size_t bytes_ = 0;
};

}  // namespace callhook::store
