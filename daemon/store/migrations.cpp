#include "store/migrations.hpp"

#include "base/digest.hpp"
#include "base/log.hpp"
#include "base/time_text.hpp"
#include "store/session.hpp"

#include <algorithm>
#include <thread>

namespace callhook::store {

namespace {

constexpr statement history_exists{
    "history_exists", "SELECT to_regclass('callhook.schema_migrations') IS NOT NULL"};
constexpr statement read_history{
    "read_history",
    "SELECT number, name, checksum, applied_at FROM callhook.schema_migrations ORDER BY number"};
constexpr statement record_step{
    "record_step",
    "INSERT INTO callhook.schema_migrations (number, name, checksum) VALUES ($1::int, $2, $3)"};
constexpr statement read_unsafe_setting{
    "read_unsafe_setting",
    "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY "
    "name LIMIT 1"};
constexpr const char* make_history =
    "CREATE SCHEMA IF NOT EXISTS callhook; "
    "CREATE TABLE IF NOT EXISTS callhook.schema_migrations ("
    "  number int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
    "  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()); "
    "COMMENT ON SCHEMA callhook IS 'Deliveries, call records and the event feed of callhookd.'; "
    "COMMENT ON TABLE callhook.schema_migrations IS "
    "'Which steps of the schema have been applied, with the SHA-256 of their text.'";

std::string checksum_of(const migration& m) {
    return to_hex(sha256(m.sql));
}

schema_status read(session& db, pqxx::transaction_base& tx) {
    schema_status status;
    const auto unsafe = db.exec(tx, read_unsafe_setting);
    if (!unsafe.empty()) status.unsafe_setting = unsafe[0][0].c_str();
    for (const auto& m : embedded_migrations())
        status.steps.push_back({m.number, std::string{m.name}});
    if (!db.exec(tx, history_exists)[0][0].as<bool>()) return status;
    for (const auto& row : db.exec(tx, read_history)) {
        const int number = row[0].as<int>();
        auto at = std::find_if(status.steps.begin(), status.steps.end(), [&](const auto& s) {
            return s.number == number;
        });
        if (at == status.steps.end()) {
            at = status.steps.insert(at, {number, row[1].c_str()});
            at->unknown = true;
        } else {
            const auto& all = embedded_migrations();
            const auto& own =
                *std::find_if(all.begin(), all.end(), [&](const auto& m) { return m.number == number; });
            at->changed = checksum_of(own) != row[2].c_str();
        }
        at->applied = true;
        at->applied_at = to_rfc3339(time_of(row[3]));
    }
    return status;
}

/// Applies one step. A step may need a table for itself, and whoever comes to the table while it waits for
/// that waits, too: the daemons at work among them. So it waits for a moment only, and tries again.
void apply(session& db, const migration& step, std::chrono::milliseconds patience) {
    constexpr std::chrono::seconds pause{1};
    const auto until = std::chrono::steady_clock::now() + patience;
    for (bool told = false;; std::this_thread::sleep_for(pause)) {
        try {
            db.transact("apply migration", [&](pqxx::work& tx) {
                tx.exec("SET LOCAL lock_timeout = '500ms'");
                tx.exec(make_history);
                tx.exec(std::string{step.sql});
                db.exec(
                    tx, record_step, std::to_string(step.number), std::string{step.name}, checksum_of(step)
                );
            });
            return;
        } catch (const failure& e) {
            if (e.sqlstate() != "55P03" || std::chrono::steady_clock::now() > until)
                throw;  // lock_not_available
        }
        if (!std::exchange(told, true))
            log::warn(
                "a migration waits for a table that is in use", {{"migration", std::to_string(step.number)}}
            );
    }
}

}  // namespace

bool schema_status::up_to_date() const {
    return pending() == 0 && mismatch().empty();
}

int schema_status::pending() const {
    return static_cast<int>(std::count_if(steps.begin(), steps.end(), [](const auto& s) {
        return !s.applied;
    }));
}

std::string schema_status::mismatch() const {
    if (!unsafe_setting.empty()) {
        return "the database server runs with " + unsafe_setting +
               " off, so a crash loses what it has committed; set it on in postgresql.conf";
    }
    for (const auto& s : steps) {
        const auto label = std::to_string(s.number) + " (" + s.name + ")";
        if (s.unknown)
            return "the schema is newer than this binary: it has migration " + label +
                   "; install the version that made it";
        if (s.changed)
            return "migration " + label +
                   " was applied with another text; run the version that applied it, or restore the file";
    }
    return {};
}

schema_status read_schema_status(const settings& where) {
    session db{where, "migrate"};
    return db.transact("read schema status", [&](pqxx::work& tx) { return read(db, tx); });
}

schema_status migrate(const settings& where) {
    const auto patient = with_patience(where);
    session db{patient, "migrate"};
    db.run("lock migrations", [](pqxx::nontransaction& tx) {
        tx.exec("SELECT pg_advisory_lock(hashtext('callhook.migrate'))");
    });
    auto status = db.transact("read schema status", [&](pqxx::work& tx) { return read(db, tx); });
    if (!status.mismatch().empty()) return status;
    for (const auto& m : embedded_migrations()) {
        const auto& step = *std::find_if(status.steps.begin(), status.steps.end(), [&](const auto& s) {
            return s.number == m.number;
        });
        if (step.applied) continue;
        apply(db, m, patient.statement_timeout);
    }
    return db.transact("read schema status", [&](pqxx::work& tx) { return read(db, tx); });
}

}  // namespace callhook::store
