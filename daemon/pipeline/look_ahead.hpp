#pragma once

#include "sources/source.hpp"
#include "store/fresh_deliveries.hpp"
#include "store/sequencer_store.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace callhook::pipeline {

/// A group commit's deliveries, and what they say, one for one.
struct read_group {
    std::vector<store::pending_delivery> deliveries{};
    std::vector<lifecycle::decoded> read{};
};

/// Decodes each.
read_group read_all(const sources::decoder_table& decoders, std::vector<store::pending_delivery> deliveries);

/// Has at hand what a batch needs of the groups that wait: while the database works on a batch, what waits
/// behind it is read and decoded, on a thread and a connection of its own, which needs no lock and depends on
/// nothing; and what this daemon has just stored need not be read at all. It is a help and no more: a group
/// that is not here is read in the batch's transaction.
///
/// `begin` and `take` belong to one thread.
class look_ahead {
public:
    /// `decoders` must outlive it. It reads about `enough` deliveries ahead, those of a batch.
    look_ahead(const store::settings& where, const sources::decoder_table& decoders, std::size_t enough);
    ~look_ahead();
    look_ahead(const look_ahead&) = delete;
    look_ahead& operator=(const look_ahead&) = delete;

    /// A group that this daemon has stored. Any thread.
    void hear(const std::vector<store::shared_delivery>& stored);
    /// Forgets all: the next to take them is another daemon. Any thread.
    void forget();

    /// Begins to decode what is stored here, until `take`; before that, where more is known to wait behind
    /// this group, what does.
    void begin(std::optional<std::int64_t> after);

    /// Those of the groups that are here, by their numbers. Waits for what is being read, which is fewer
    /// where the database does not answer: who asks it next says so.
    std::map<std::int64_t, read_group> take(const std::vector<store::pending_group>& groups);

private:
    /// A group as a row of `pending` names it.
    struct name {
        uuid first;
        uuid last;

        auto operator<=>(const name&) const = default;
    };
    struct kept {
        read_group group;
        std::chrono::steady_clock::time_point since;
    };

    void run();
    void read_stored(std::int64_t after);
    void read_fresh();
    void keep(std::vector<store::pending_delivery> deliveries);
    [[nodiscard]] bool has_enough() const { return ready_deliveries_ >= enough_; }
    void drop_old();

    const sources::decoder_table& decoders_;
    const std::size_t enough_;
    store::fresh_deliveries fresh_;
    store::backlog_reader store_;  // the thread's own

    std::mutex mutex_;
    std::condition_variable changed_;
    bool begun_ = false;
    std::optional<std::int64_t> after_;
    /// The thread is at work; it is to come to an end.
    bool busy_ = false;
    bool called_back_ = false;
    bool heard_ = false;
    bool stopping_ = false;
    std::map<name, kept> ready_;
    std::size_t ready_deliveries_ = 0;
    std::thread thread_;  // last: it uses the others
};

}  // namespace callhook::pipeline
