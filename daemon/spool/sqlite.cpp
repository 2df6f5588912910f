#include "spool/sqlite.hpp"

namespace callhook::spool {

sqlite_failure::sqlite_failure(const char* doing, int code)
    : std::
          runtime_error{std::string{doing} + ": " + sqlite3_errstr(code) + " (" + std::to_string(code) + ")"},
      code_{code} {}

database::database(const std::string& path, access how) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
                      (how == access::create ? SQLITE_OPEN_CREATE : 0);
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
    handle_.reset(opened);
    if (code != SQLITE_OK) throw sqlite_failure{"open", opened ? sqlite3_extended_errcode(opened) : code};
    sqlite3_extended_result_codes(opened, 1);
}

void database::run(const char* sql) {
    const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) throw sqlite_failure{"statement", code};
}

std::int64_t database::number(const char* sql) {
    statement s{*this, sql};
    return s.step() ? s.integer(0) : 0;
}

std::string database::text(const char* sql) {
    statement s{*this, sql};
    return s.step() ? std::string{s.bytes(0)} : std::string{};
}

std::int64_t database::changes() const noexcept {
    return sqlite3_changes(handle_.get());
}

void database::keep_log_on_close() {
    sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

statement::statement(const database& db, const char* sql) {
    sqlite3_stmt* made = nullptr;
    const int code = sqlite3_prepare_v2(db.raw(), sql, -1, &made, nullptr);
    handle_.reset(made);
    if (code != SQLITE_OK) throw sqlite_failure{"prepare", code};
}

void statement::check(int code) const {
    if (code != SQLITE_OK) throw sqlite_failure{"bind", code};
}

statement& statement::bind(int at, std::int64_t value) {
    check(sqlite3_bind_int64(handle_.get(), at, value));
    return *this;
}

statement& statement::bind(int at, std::string_view text) {
    check(sqlite3_bind_text64(
        handle_.get(), at, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8
    ));
    return *this;
}

statement& statement::bind_bytes(int at, std::string_view bytes) {
    // A null pointer would be NULL, not an empty blob.
    check(
        sqlite3_bind_blob64(handle_.get(), at, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC)
    );
    return *this;
}

bool statement::step() {
    const int code = sqlite3_step(handle_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    sqlite3_reset(handle_.get());
    throw sqlite_failure{"step", code};
}

void statement::run() {
    while (step()) {
    }
    reset();
}

void statement::reset() noexcept {
    sqlite3_reset(handle_.get());
    sqlite3_clear_bindings(handle_.get());
}

std::int64_t statement::integer(int column) const noexcept {
    return sqlite3_column_int64(handle_.get(), column);
}

std::string_view statement::bytes(int column) const noexcept {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(handle_.get(), column));
    const auto size = sqlite3_column_bytes(handle_.get(), column);
    return data ? std::string_view{data, static_cast<std::size_t>(size)} : std::string_view{};
}

void transact(database& db, const std::function<void()>& work) {
    db.run("BEGIN IMMEDIATE");
    try {
        work();
        db.run("COMMIT");
    } catch (...) {
        // SQLite has rolled back by itself after some errors; then there is nothing left to end.
        if (sqlite3_get_autocommit(db.raw()) == 0) {
            sqlite3_exec(db.raw(), "ROLLBACK", nullptr, nullptr, nullptr);
        }
        throw;
    }
}

}  // namespace callhook::spool
