#pragma once

// Private to spool/: the one place that knows SQLite.

#include <cstdint>
#include <functional>
#include <memory>
#include <sqlite3.h>
#include <stdexcept>
#include <string>
#include <string_view>

namespace callhook::spool {

/// SQLite did not do what was asked. `what()` holds its own words for the code, never the file's contents.
class sqlite_failure : public std::runtime_error {
public:
    sqlite_failure(const char* doing, int code);

    /// The primary code, such as SQLITE_FULL.
    [[nodiscard]] int code() const noexcept { return code_ & 0xff; }
    /// Whether the file itself is wrong, so that no later try will do better.
    [[nodiscard]] bool means_corrupt() const noexcept {
        return code() == SQLITE_CORRUPT || code() == SQLITE_NOTADB;
    }

private:
    int code_;
};

/// One connection. One thread at a time.
class database {
public:
    enum class access { create, existing };

    /// Throws `sqlite_failure`.
    database(const std::string& path, access how);
    database(database&&) = default;

    void run(const char* sql);
    /// The first column of the first row; 0 where there is none.
    std::int64_t number(const char* sql);
    std::string text(const char* sql);
    /// How many rows the last statement changed.
    [[nodiscard]] std::int64_t changes() const noexcept;
    /// Leaves the write-ahead log as it is when the connection ends: for looking at a file that is evidence.
    void keep_log_on_close();

    [[nodiscard]] sqlite3* raw() const noexcept { return handle_.get(); }

private:
    struct closer {
        void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
    };
    std::unique_ptr<sqlite3, closer> handle_;
};

/// A prepared statement. Parameters count from 1, columns from 0. What is bound must live until `step`, and
/// what a column gives until the next one.
class statement {
public:
    statement(const database& db, const char* sql);

    statement& bind(int at, std::int64_t value);
    statement& bind(int at, std::string_view text);
    statement& bind_bytes(int at, std::string_view bytes);
    /// Whether there is a row.
    bool step();
    /// Runs it to its end and makes it ready for the next values.
    void run();
    void reset() noexcept;

    [[nodiscard]] std::int64_t integer(int column) const noexcept;
    /// The bytes of a text or a blob.
    [[nodiscard]] std::string_view bytes(int column) const noexcept;

private:
    void check(int code) const;

    struct finalizer {
        void operator()(sqlite3_stmt* s) const noexcept { sqlite3_finalize(s); }
    };
    std::unique_ptr<sqlite3_stmt, finalizer> handle_;
};

/// Runs `work` in a transaction that takes the write lock at its beginning; rolls back on any exception.
void transact(database& db, const std::function<void()>& work);

}  // namespace callhook::spool
