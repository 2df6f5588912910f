#include "spool/visiting.hpp"

#include "spool/directory.hpp"
#include "spool/file.hpp"

#include <filesystem>

namespace callhook::spool {

namespace fs = std::filesystem;

namespace {

/// Opens the file beside whoever else has it, and turns what goes wrong into words.
template <class Work>
auto with_file(const std::string& directory, Work work) -> result<std::invoke_result_t<Work, file&>> {
    const auto path = fs::path{directory} / file_name;
    std::error_code failed;
    if (fs::file_size(path, failed) == 0 || failed)
        return error{errc::not_found, "there is no spool file in " + directory, ""};
    try {
        file opened{path.string(), file::how::beside};
        return work(opened);
    } catch (const foreign_file& e) {
        return error{errc::mismatch, e.what(), ""};
    } catch (const sqlite_failure& e) {
        if (e.code() == SQLITE_BUSY)
            return error{errc::timed_out, "another process holds the spool file", e.what()};
        return error{errc::unavailable, "the spool file cannot be read", e.what()};
    }
}

std::uint64_t size_of(const fs::path& path) {
    std::error_code failed;
    const auto size = fs::file_size(path, failed);
    return failed ? 0 : size;
}

/// Puts into effect what was decided about the rows of one table.
class changes {
public:
    changes(database& db, const std::string& table)
        : empty_{db, ("UPDATE " + table + " SET body = x'', remote_address = '', digest = ?2 WHERE number = ?1").c_str()},
          remove_{db, ("DELETE FROM " + table + " WHERE number = ?1").c_str()} {}

    void make(row_reading& read, fate decided, visit_counts& counts) {
        if (decided == fate::remove) {
            remove_.bind(1, read.row.number).run();
            ++counts.removed;
        } else if (decided == fate::empty) {
            read.row.what.body.clear();
            read.row.what.remote_address.clear();
            const auto digest = digest_of(read.row.what);
            empty_.bind(1, read.row.number).bind_bytes(2, digest).run();
            ++counts.emptied;
        }
    }

private:
    statement empty_;
    statement remove_;
};

}  // namespace

result<status> look(const std::string& directory) {
    return with_file(directory, [&](file& f) {
        status out;
        const auto& counted = f.counted();
        out.deliveries = counted.deliveries;
        out.body_bytes = counted.body_bytes;
        out.damaged = counted.damaged;
        out.oldest = f.oldest_arrival();
        const auto path = (fs::path{directory} / file_name).string();
        out.file_bytes = size_of(path) + size_of(path + "-wal");
        out.corrupt_files = corrupt_files(directory);
        return out;
    });
}

result<visit_counts> visit(
    const std::string& directory, const std::function<fate(const lifecycle::delivery& d, bool exact)>& decide
) {
    return with_file(directory, [&](file& f) {
        visit_counts counts;
        auto& db = f.db();
        transact(db, [&] {
            for (const std::string table : {"deliveries", "damaged"}) {
                changes change{db, table};
                const auto sql = std::string{"SELECT "} + row_columns + " FROM " + table +
                                 " WHERE number > ?1 ORDER BY number LIMIT 1";
                statement next{db, sql.c_str()};
                // One by one: what a statement still reads must not be changed beneath it.
                for (std::int64_t last = 0; next.bind(1, last).step(); next.reset()) {
                    auto read = read_row(next);
                    next.reset();
                    last = read.row.number;
                    ++counts.seen;
                    const bool exact = read.exact && table == "deliveries";
                    change.make(read, decide(read.row.what, exact), counts);
                }
            }
        });
        // The log holds the pages as they were before.
        db.run("PRAGMA wal_checkpoint(TRUNCATE)");
        counts.corrupt_files = corrupt_files(directory);
        return counts;
    });
}

}  // namespace callhook::spool
