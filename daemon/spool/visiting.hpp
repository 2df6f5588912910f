#pragma once

#include "base/result.hpp"
#include "lifecycle/delivery.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace callhook::spool {

// What other commands do with a spool directory, also while a daemon works with it: SQLite's own locks keep
// them apart. None of it makes a directory or a file.

/// What waits in a spool.
struct status {
    std::size_t deliveries = 0;
    /// Of their bodies.
    std::uint64_t body_bytes = 0;
    /// Of the file and its log on the disk.
    std::uint64_t file_bytes = 0;
    std::optional<utc_time> oldest{};
    /// Kept, but not handed to the database: changed since they came, or refused by it.
    std::size_t damaged = 0;
    /// Names of files that were found corrupt and set aside.
    std::vector<std::string> corrupt_files{};
};

/// `not_found`: there is no spool file in the directory (then nothing waits). `unavailable`: it cannot be
/// read. `mismatch`: a newer callhook made it.
result<status> look(const std::string& directory);

/// What becomes of a delivery that is visited.
enum class fate {
    keep,
    empty,   ///< keep it under its id, without its body and its sender's address
    remove,  ///< as if it had never come
};

struct visit_counts {
    std::size_t seen = 0;
    std::size_t emptied = 0;
    std::size_t removed = 0;
    /// Set aside files with contents that cannot be visited: whoever erases must remove them.
    std::vector<std::string> corrupt_files{};
};

/// Asks `decide` about every delivery in the spool, damaged ones too (`exact` is false for those: any part of
/// them may be wrong), and does what it says, in one transaction that has reached the disk on return. What is
/// emptied or removed is overwritten, in the file and in its log. The database may hold a delivery as well,
/// or receive it from here at any time until this returns. Errors as for `look`; `timed_out`: another process
/// held the file for longer than 10 s.
result<visit_counts> visit(
    const std::string& directory, const std::function<fate(const lifecycle::delivery& d, bool exact)>& decide
);

}  // namespace callhook::spool
