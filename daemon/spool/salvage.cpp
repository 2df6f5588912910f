#include "spool/salvage.hpp"

#include <filesystem>
#include <optional>
#include <set>

namespace callhook::spool {

namespace fs = std::filesystem;

namespace {

/// How many rows, and how many bytes of them, are written at once.
constexpr std::size_t at_once = 500;
constexpr std::size_t bytes_at_once = 8 << 20;

/// Collects rows of the corrupt file, each once, and writes them in groups.
class rescue {
public:
    explicit rescue(file& to) : to_{to} {}

    void take(row_reading read) {
        if (!seen_.insert(read.row.number).second) return;
        bytes_ += read.row.what.body.size();
        (read.exact ? good_ : bad_)
            .push_back(std::make_shared<const lifecycle::delivery>(std::move(read.row.what)));
        if (good_.size() + bad_.size() >= at_once || bytes_ >= bytes_at_once) write();
    }

    void write() {
        if (!good_.empty()) to_.append(good_);
        if (!bad_.empty()) to_.append_damaged(bad_, changed_since_it_came);
        counts_.rescued += good_.size();
        counts_.damaged += bad_.size();
        good_.clear();
        bad_.clear();
        bytes_ = 0;
    }

    [[nodiscard]] bool has(std::int64_t number) const { return seen_.contains(number); }
    [[nodiscard]] salvaged counts() const { return counts_; }

private:
    using group = std::vector<std::shared_ptr<const lifecycle::delivery>>;

    file& to_;
    std::set<std::int64_t> seen_;
    group good_;
    group bad_;
    std::size_t bytes_ = 0;
    salvaged counts_;
};

struct way {
    bool to_the_end = false;
    std::optional<std::int64_t> last{};  ///< the number of the last row read
};

/// Reads on until the end, a row that has been read, or what cannot be read.
way read_along(const database& from, const std::string& condition, rescue& into) {
    way out;
    std::optional<statement> rows;
    for (;;) {
        std::optional<row_reading> read;
        try {
            // By place: the names may be damaged.
            const auto sql = "SELECT * FROM deliveries " + condition;
            if (!rows) rows.emplace(from, sql.c_str());
            if (rows->step()) read = read_row(*rows);
        } catch (const sqlite_failure&) {
            return out;
        }
        if (!read || into.has(read->row.number)) {
            out.to_the_end = true;
            return out;
        }
        out.last = read->row.number;
        into.take(std::move(*read));
    }
}

bool read_all(const database& from, rescue& into) {
    const auto up = read_along(from, "ORDER BY number ASC", into);
    if (up.to_the_end) return true;
    const auto down = read_along(from, "ORDER BY number DESC", into);
    if (down.to_the_end || !down.last) return false;
    // Between the two ends one by one: each is reached by a way of its own through the file.
    for (auto number = up.last.value_or(0) + 1; number < *down.last; ++number)
        read_along(from, "WHERE number = " + std::to_string(number), into);
    return false;
}

/// Nothing where it is no database at all.
std::optional<file> open_evidence(const std::string& path) {
    try {
        return std::make_optional<file>(path, file::how::evidence);
    } catch (const sqlite_failure&) {
        return {};
    }
}

}  // namespace

salvaged salvage(const std::string& path, file& to) {
    const bool had_log = fs::exists(path + "-wal");
    rescue into{to};
    auto from = open_evidence(path);
    const bool whole = from && read_all(from->db(), into);
    from.reset();
    into.write();
    // What looking at it has made.
    std::error_code ignored;
    fs::remove(path + "-shm", ignored);
    if (!had_log) fs::remove(path + "-wal", ignored);
    auto out = into.counts();
    out.whole = whole;
    return out;
}

}  // namespace callhook::spool
