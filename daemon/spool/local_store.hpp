#pragma once

#include "base/metrics.hpp"
#include "base/result.hpp"
#include "lifecycle/delivery.hpp"
#include "spool/settings.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace callhook::spool {

/// Where in the spool a delivery is.
struct place {
    std::int64_t number = 0;
    uuid id{};
};

struct spooled {
    std::int64_t number = 0;
    lifecycle::delivery what{};

    [[nodiscard]] place where() const { return {number, what.id}; }
};

/// Keeps deliveries on the local disk while the database does not take them: an SQLite file, committed in
/// groups (`async::group_writer`) with its log flushed. It opens the file by itself, on its own thread, and
/// tries again where that fails, so that a directory which is put right needs no restart.
///
/// A file found corrupt is renamed to `spool.db.corrupt-TIME`; what can still be read of it goes into a new
/// one. A row that is not as it came, by its SHA-256, is set aside and never handed out.
class local_store {
public:
    local_store(const settings& how, metrics_registry& metrics);
    /// Requires that `stop` was called and nobody waits in `append`.
    ~local_store();
    local_store(const local_store&) = delete;
    local_store& operator=(const local_store&) = delete;

    /// Returns success once the delivery is on the disk: no crash and no loss of power loses it from then on.
    /// `overloaded`: too much waits, the spool is full, or the disk nearly is. `unavailable`: it could not be
    /// written. `timed_out`: it had not ended by the deadline. After each of the last two the delivery may be
    /// stored all the same. One event loop's thread.
    boost::asio::awaitable<result<void>> append(
        std::shared_ptr<const lifecycle::delivery> d, std::chrono::steady_clock::time_point deadline
    );

    /// Whether a delivery would be taken, as far as can be told. Any thread, like all below but `stop`.
    [[nodiscard]] bool usable() const noexcept;
    /// Why it is not; empty where it is. Fit for anyone.
    [[nodiscard]] std::string trouble() const;
    /// How many deliveries wait.
    [[nodiscard]] std::size_t waiting() const noexcept;
    [[nodiscard]] std::size_t damaged() const noexcept;
    /// How many files that were found corrupt lie in the directory.
    [[nodiscard]] std::size_t corrupt_files() const noexcept;

    // What empties it. Each waits for the disk, and for a commit that is under way. `unavailable` where the
    // file cannot be read or written; then it is to be tried again.

    /// The oldest, at most `most`, and as few as reach `most_bytes`.
    result<std::vector<spooled>> oldest(std::size_t most, std::size_t most_bytes);
    result<void> remove(const std::vector<place>& places);
    /// Keeps one for people to look at, and hands it out no more. `reason` is shown to anyone.
    result<void> set_aside(const place& one, const std::string& reason);

    /// Writes what is queued, then ends the writer and closes the file. The same thread, after the last
    /// request has been answered and what empties it has ended.
    void stop();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace callhook::spool
