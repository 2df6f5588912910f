#pragma once

// Private to spool/: one spool file, as a store of deliveries.

#include "spool/local_store.hpp"
#include "spool/sqlite.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace callhook::spool {

inline constexpr std::string_view changed_since_it_came = "changed since it came";

/// What was read from the front of the file.
struct stretch {
    std::vector<spooled> good{};
    /// Ids of those that were no longer as they came, and lie in `damaged` now.
    std::vector<uuid> damaged{};
};

/// The file is a database, and none of this binary's: another program's, or a newer callhook's.
class foreign_file : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// One open file. Every change is on the disk on return. Each row carries the SHA-256 of all of its fields,
/// and one that does not match is set aside. All throw `sqlite_failure`; one thread at a time.
class file {
public:
    enum class how {
        own,      ///< made where it is not there, and looked through before it is used
        beside,   ///< beside a daemon that may have it open
        evidence  ///< found corrupt: only read, and left exactly as it is
    };

    /// Throws `foreign_file` too.
    file(const std::string& path, how opened);

    using group = std::vector<std::shared_ptr<const lifecycle::delivery>>;
    void append(const group& taken);
    /// Among those that are handed out no more.
    void append_damaged(const group& taken, std::string_view reason);
    /// In the order of arrival, as many as reach `most` or `most_bytes`, and one of any size.
    stretch oldest(std::size_t most, std::size_t most_bytes);
    /// Those that are where they are said to be.
    void remove(const std::vector<place>& places);
    void set_aside(const place& one, std::string_view reason);

    /// Gives back to the disk what is free at the end of the file, some MiB a call.
    void shrink();
    /// Whether `shrink` has more to do.
    [[nodiscard]] bool shrinkable();

    struct contents {
        std::size_t deliveries = 0;
        std::uint64_t body_bytes = 0;
        std::size_t damaged = 0;
    };
    /// Counted anew where another process has changed the file since.
    const contents& counted();
    [[nodiscard]] std::optional<utc_time> oldest_arrival();
    /// In use within the file.
    [[nodiscard]] std::uint64_t used_bytes();

    [[nodiscard]] database& db() noexcept { return db_; }

private:
    void set_up(how opened);
    void check_origin();
    void set_aside_changed(std::int64_t number);

    database db_;
    contents counted_;
    std::int64_t version_ = -1;
};

/// What a row of `deliveries` or `damaged` says, whose columns begin with number, id, source, origin,
/// received_at, remote_address, content_type, body, digest; and whether it is as it came.
struct row_reading {
    spooled row{};
    bool exact = false;
};
row_reading read_row(const statement& s);

inline constexpr const char* row_columns =
    "number, id, source, origin, received_at, remote_address, content_type, body, digest";

/// SHA-256 over all fields, each with its length before it.
std::string digest_of(const lifecycle::delivery& d);

}  // namespace callhook::spool
