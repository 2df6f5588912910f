#pragma once

#include "feed/shared_event.hpp"
#include "store/outbound.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace callhook::feed::outbound {

/// The events of one subscription that its receiver has not taken yet: which may go out now, and what is to
/// be remembered of it. Of one subject (a call) only the earliest is ever under way; later ones wait behind
/// it, until it is delivered or dead. Pure: time is given. One thread.
class delivery_window {
public:
    using time_point = std::chrono::steady_clock::time_point;

    struct message {
        std::int64_t position = 0;
        std::string source{};
        std::string subject{};
        std::int64_t attempts = 0;
        std::string last_error{};
        shared_event event{};  ///< null where its text is not at hand
    };

    /// An event out of the log, in order of position.
    void add(const shared_event& event, time_point now);
    /// One that was stored before.
    void add(const store::waiting_message& stored, time_point now);

    /// The next message that may go out now; it is under way from then on. Its address holds until one of the
    /// next four is called for it.
    const message* take(time_point now);

    /// What `take` gave and none of the next four was called for.
    [[nodiscard]] const message& under_way(std::int64_t position) const { return entries_.at(position).what; }

    void delivered(std::int64_t position);
    /// To be tried again, at `due`.
    void failed(std::int64_t position, std::string why, time_point due);
    /// Given up.
    void dead(std::int64_t position, std::string why);
    /// The texts of what has not gone out yet are not at hand any more: they are to be read again.
    void forget_texts();
    /// It was not tried after all.
    void put_back(std::int64_t position);

    /// When something may go out next: in the past where something may now, `max` where nothing waits for
    /// time.
    [[nodiscard]] time_point next_due() const;

    /// Of the messages that are stored nowhere yet: how many, and the bytes of their texts.
    [[nodiscard]] std::size_t fresh() const noexcept { return fresh_.size(); }
    [[nodiscard]] std::size_t fresh_bytes() const noexcept { return fresh_bytes_; }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    /// How many changes `collect` would tell of.
    [[nodiscard]] std::size_t changes() const noexcept {
        return changed_.size() + dead_.size() + delivered_.size() + passed_;
    }

    /// All that has changed since the last time, and the position up to which every event is delivered, dead
    /// or told of here, the log having been read up to `read_to`. What waits behind a message that is stored
    /// is stored too, so that a call that cannot be delivered does not hold up the place of all others.
    store::outbound_progress collect(std::int64_t read_to, time_point now);
    /// The position that `collect` would tell.
    [[nodiscard]] std::int64_t place(std::int64_t read_to) const {
        return fresh_.empty() ? read_to : *fresh_.begin() - 1;
    }
    /// All is to be stored, since nobody goes on with it here: what has been delivered is not sent again
    /// then. Requires that nothing is under way.
    void store_all();
    /// What was collected could not be written: it is told again.
    void restore(store::outbound_progress lost);

private:
    using line_key = std::pair<std::string, std::string>;

    struct entry {
        message what;
        time_point due{};
        bool under_way = false;
        bool stored = false;
    };

    void insert(entry made);
    void schedule_head(const line_key& line);
    void remove(std::map<std::int64_t, entry>::iterator gone);
    void mark_stored(entry& e);
    [[nodiscard]] store::waiting_message row_of(const entry& e, time_point now) const;

    std::map<std::int64_t, entry> entries_;
    std::map<line_key, std::set<std::int64_t>> lines_;
    /// The first of each line that is not under way.
    std::set<std::pair<time_point, std::int64_t>> ready_;
    std::set<std::int64_t> fresh_;
    std::size_t fresh_bytes_ = 0;

    std::set<std::int64_t> changed_;
    std::vector<store::waiting_message> dead_;
    std::vector<std::int64_t> delivered_;  ///< only those that may have a row
    std::size_t passed_ = 0;               ///< delivered without ever having been stored
};

}  // namespace callhook::feed::outbound
