#pragma once

#include "base/result.hpp"
#include "base/uuid.hpp"
#include "store/consumers.hpp"
#include "store/outbound.hpp"
#include "store/settings.hpp"
#include "store/subscriptions.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace callhook::store {

/// What telling downstream systems writes: leases, consumers, subscriptions and their deliveries. On one
/// connection: one thread. Every function throws `failure`, and is harmless to repeat.
class feed_store {
public:
    /// `role` is what the connection shows as.
    feed_store(const settings& where, const std::string& role);
    ~feed_store();
    feed_store(const feed_store&) = delete;
    feed_store& operator=(const feed_store&) = delete;

    // Leases, by the database's clock.

    /// Takes or renews those of the names that nobody else holds, for so long from now; which ones `owner`
    /// holds then.
    std::vector<std::string> take_leases(
        const std::vector<std::string>& names, const uuid& owner, std::chrono::milliseconds time
    );
    /// Lets go of these, so that others need not wait for their end.
    void release_leases(const std::vector<std::string>& names, const uuid& owner);

    // Consumers. A place is written as it is given: whether it lies in the log is for the caller to check.

    /// Makes one, or gives the one of that name the draft's filter; its place stays where it is then.
    /// `conflict` where the name is one of the other kind's, or there are `most_consumers`.
    result<made_consumer> make_consumer(const consumer_draft& draft);
    std::optional<consumer> read_consumer(const std::string& name);
    /// All, by name.
    std::vector<consumer> list_consumers();
    /// Moves the place forward, never back and never into another epoch: the row afterwards tells. Nothing
    /// where there is none of that name.
    std::optional<consumer> ack_consumer(
        const std::string& name, const std::string& epoch, std::int64_t position
    );
    /// The same for a publisher that works on from `from`: a place that somebody has moved meanwhile stays.
    /// The row afterwards tells whether it is at `to`.
    std::optional<consumer> advance_consumer(
        const std::string& name,
        const std::string& epoch,
        const publisher_place& from,
        const publisher_place& to
    );
    /// Moves the place anywhere. Nothing where there is none of that name.
    std::optional<consumer> reset_consumer(
        const std::string& name, const std::string& epoch, std::int64_t position
    );
    /// Whether there was one.
    bool remove_consumer(const std::string& name);

    // Subscriptions as operators see and change them. Every change makes `generation` grow.

    /// Makes one that starts after `position` and signs with `signing` (empty: the configuration has its
    /// secrets), or makes the one of that name what the draft says; place and secrets stay then. A section of
    /// the configuration takes over what a client has made, and its secrets go. `conflict` the other way
    /// round, and where there are `most_subscriptions`.
    result<made_subscription> put_subscription(
        const subscription_draft& draft,
        const secret& signing,
        const std::string& epoch,
        std::int64_t position
    );
    std::optional<subscription> read_subscription(const std::string& name);
    /// All, by name.
    std::vector<subscription> list_subscriptions();
    /// Whether there was one. Its messages, attempts and secrets go with it.
    bool remove_subscription(const std::string& name);
    /// Pauses an active one; another stays as it is. Nothing, here and below, where there is none of that
    /// name.
    std::optional<subscription> pause_subscription(const std::string& name, const std::string& reason);
    /// Makes it active again; what waits is due at once.
    std::optional<subscription> resume_subscription(const std::string& name);
    /// Moves its place anywhere. What waits is dropped, and so are dead letters after the new place, as their
    /// events come again.
    std::optional<subscription> reset_subscription(
        const std::string& name, const std::string& epoch, std::int64_t position
    );
    /// Signs with a new secret; the one before stays live for `overlap`, an older one ends at once.
    /// `not_found` where there is none of that name, `conflict` where the configuration has its secrets.
    result<subscription> rotate_secret(
        const std::string& name, const secret& signing, std::chrono::seconds overlap
    );
    /// Makes the dead letters from one position to another, both included, due again, with the whole schedule
    /// before them; how many there were.
    std::optional<std::int64_t> redrive(const std::string& name, std::int64_t from, std::int64_t to);
    /// Attempts, newest first, of one event or of all, older than the attempt of that id.
    std::vector<outbound_attempt> list_attempts(
        const std::string& name,
        std::optional<std::int64_t> position,
        std::optional<std::int64_t> before,
        std::size_t limit
    );
    /// Dead letters after a position, in its order.
    std::vector<dead_letter> list_dead(const std::string& name, std::int64_t after, std::size_t limit);

    // Subscriptions as the dispatcher works on them.

    /// The active ones, by name.
    std::vector<active_subscription> active_subscriptions();
    /// What has not been taken and is not dead, by position.
    std::vector<waiting_message> waiting_messages(const std::string& name, std::size_t limit);
    /// Writes what was done and tells the subscription's generation. Nothing, and nothing is written, where
    /// the lease is another's by now, the subscription is gone, or made anew, or its place was moved or
    /// reset, to the same one too: whoever works on it then begins anew.
    std::optional<std::int64_t> settle(const outbound_claim& claim, const outbound_progress& progress);
    /// Pauses or disables an active subscription and announces it; false, and nothing is written, where the
    /// lease is another's or the subscription has changed.
    bool stop_subscription(const outbound_claim& claim, const outbound_stop& why);
    /// Deletes attempts from before, at most so many; how many there were.
    std::size_t expire_attempts(utc_time before, std::size_t limit);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace callhook::store
