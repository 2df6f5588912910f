#include "spool/file.hpp"

#include "base/digest.hpp"

#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <unistd.h>

namespace callhook::spool {

namespace {

constexpr std::int64_t application_id = 0x63616c68;  // "calh"
constexpr std::int64_t format = 1;

/// Pages given back in one go; a page has 4 KiB.
constexpr const char* shrink_some = "PRAGMA incremental_vacuum(8192)";

/// The tables, each as SQLite keeps its text.
constexpr const char* tables[] = {
    "CREATE TABLE deliveries (number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL, source TEXT NOT "
    "NULL, "
    "origin TEXT NOT NULL, received_at INTEGER NOT NULL, remote_address TEXT NOT NULL, content_type TEXT NOT "
    "NULL, body BLOB NOT NULL, digest BLOB NOT NULL)",
    "CREATE TABLE damaged (number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB, source TEXT, origin TEXT, "
    "received_at INTEGER, remote_address TEXT, content_type TEXT, body BLOB, digest BLOB, reason TEXT NOT "
    "NULL, "
    "found_at INTEGER NOT NULL)"};
constexpr const char* marks = "PRAGMA application_id = 1667329128; PRAGMA user_version = 1;";

bool has_tables(database& db) {
    statement s{db, "SELECT sql FROM sqlite_master WHERE name IN ('deliveries', 'damaged') ORDER BY rowid"};
    for (const auto* table : tables) {
        if (!s.step() || s.bytes(0) != table) return false;
    }
    return true;
}

/// SQLite would make it readable for all. An empty file is an empty database.
void make_private(const std::string& path) {
    const int made = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (made < 0) throw sqlite_failure{"make", SQLITE_CANTOPEN};
    ::close(made);
}

void add_field(std::string& all, std::string_view field) {
    const std::uint64_t size = field.size();
    for (int shift = 0; shift < 64; shift += 8)
        all += static_cast<char>(size >> shift);
    all += field;
}

std::string_view bytes_of(const uuid& id) {
    return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

std::int64_t now_in_us() {
    return system_clock_source{}.now().time_since_epoch().count();
}

/// Binds the first eight parameters and runs.
void insert_row(statement& insert, const lifecycle::delivery& d) {
    const auto digest = digest_of(d);
    insert.bind_bytes(1, bytes_of(d.id))
        .bind(2, std::string_view{d.source})
        .bind(3, to_string(d.from))
        .bind(4, d.received_at.time_since_epoch().count())
        .bind(5, std::string_view{d.remote_address})
        .bind(6, std::string_view{d.content_type})
        .bind_bytes(7, d.body)
        .bind_bytes(8, digest)
        .run();
}

/// By number and id: a number may mean another delivery by now, where the file was replaced.
void take_out(const database& db, const std::vector<place>& places, file::contents& left) {
    statement gone{
        db, "DELETE FROM deliveries WHERE number = ?1 AND id = ?2 RETURNING coalesce(length(body), 0)"};
    for (const auto& one : places) {
        gone.bind(1, one.number).bind_bytes(2, bytes_of(one.id));
        while (gone.step()) {
            left.deliveries -= 1;
            left.body_bytes -= static_cast<std::uint64_t>(gone.integer(0));
        }
        gone.reset();
    }
}

database opened_database(const std::string& path, file::how opened) {
    if (opened == file::how::own) make_private(path);
    return {path, database::access::existing};
}

}  // namespace

std::string digest_of(const lifecycle::delivery& d) {
    std::string all;
    all.reserve(d.body.size() + 256);
    add_field(all, bytes_of(d.id));
    add_field(all, d.source);
    add_field(all, to_string(d.from));
    add_field(all, std::to_string(d.received_at.time_since_epoch().count()));
    add_field(all, d.remote_address);
    add_field(all, d.content_type);
    add_field(all, d.body);
    const auto digest = sha256(all);
    return {digest.begin(), digest.end()};
}

row_reading read_row(const statement& s) {
    row_reading out;
    auto& d = out.row.what;
    out.row.number = s.integer(0);
    const auto id = s.bytes(1);
    std::copy_n(id.begin(), std::min(id.size(), d.id.bytes.size()), d.id.bytes.begin());
    d.source = s.bytes(2);
    d.from = s.bytes(3) == to_string(lifecycle::origin::backfill) ? lifecycle::origin::backfill
                                                                  : lifecycle::origin::webhook;
    d.received_at = utc_time{std::chrono::microseconds{s.integer(4)}};
    d.remote_address = s.bytes(5);
    d.content_type = s.bytes(6);
    d.body = s.bytes(7);
    out.exact = id.size() == d.id.bytes.size() && s.bytes(8) == digest_of(d);
    return out;
}

file::file(const std::string& path, how opened) : db_{opened_database(path, opened)} {
    set_up(opened);
}

void file::set_up(how opened) {
    db_.run("PRAGMA busy_timeout = 10000");
    if (opened == how::evidence) {
        db_.keep_log_on_close();
        // Read on though the file is shorter than its head says.
        db_.run("PRAGMA writable_schema = ON");
        return;
    }
    db_.run("PRAGMA secure_delete = ON; PRAGMA synchronous = FULL");
    // 1 MiB. A checkpoint may have to let the file grow by all that is in the log, which on a full disk is to
    // fit into the reserve: where it fails, nothing can be removed any more either.
    db_.run("PRAGMA wal_autocheckpoint = 256");
    const bool fresh =
        db_.number("SELECT count(*) FROM sqlite_master") == 0 && db_.number("PRAGMA user_version") == 0;
    if (fresh && opened == how::own) {
        db_.run("PRAGMA auto_vacuum = INCREMENTAL");
        if (db_.text("PRAGMA journal_mode = WAL") != "wal")
            throw sqlite_failure{"use a log", SQLITE_CANTOPEN};
        transact(db_, [this] {
            for (const auto* table : tables)
                db_.run(table);
            db_.run(marks);
        });
    } else {
        check_origin();
    }
    if (opened == how::own && db_.text("PRAGMA quick_check(1)") != "ok")
        throw sqlite_failure{"check", SQLITE_CORRUPT};
}

/// One that has callhook's tables is callhook's, though its head says nothing of that: then the head is
/// damaged.
void file::check_origin() {
    const bool marked = db_.number("PRAGMA application_id") == application_id;
    const auto version = db_.number("PRAGMA user_version");
    if (marked && version > format) throw foreign_file{"spool.db was made by a newer callhook"};
    const bool ours = has_tables(db_);
    if (!marked && !ours) throw foreign_file{"spool.db is another program's file"};
    if (!marked || !ours || version != format) throw sqlite_failure{"check", SQLITE_CORRUPT};
}

void file::append(const group& taken) {
    counted();
    auto now = counted_;
    transact(db_, [&] {
        statement insert{
            db_,
            "INSERT INTO deliveries (id, source, origin, received_at, remote_address, content_type, body, "
            "digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"};
        for (const auto& d : taken) {
            insert_row(insert, *d);
            now.body_bytes += d->body.size();
        }
    });
    now.deliveries += taken.size();
    counted_ = now;
}

void file::append_damaged(const group& taken, std::string_view reason) {
    counted();
    transact(db_, [&] {
        statement insert{
            db_,
            "INSERT INTO damaged (id, source, origin, received_at, remote_address, content_type, body, "
            "digest, "
            "reason, found_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"};
        for (const auto& d : taken) {
            insert.bind(9, reason).bind(10, now_in_us());
            insert_row(insert, *d);
        }
    });
    counted_.damaged += taken.size();
}

stretch file::oldest(std::size_t most, std::size_t most_bytes) {
    stretch out;
    std::vector<spooled> bad;
    {
        const auto sql = std::string{"SELECT "} + row_columns + " FROM deliveries ORDER BY number LIMIT ?1";
        statement s{db_, sql.c_str()};
        s.bind(1, static_cast<std::int64_t>(most));
        for (std::size_t bytes = 0; bytes < most_bytes && s.step();) {
            auto read = read_row(s);
            bytes += read.row.what.body.size();
            (read.exact ? out.good : bad).push_back(std::move(read.row));
        }
    }
    for (const auto& row : bad) {
        set_aside_changed(row.number);
        out.damaged.push_back(row.what.id);
    }
    return out;
}

void file::remove(const std::vector<place>& places) {
    counted();
    auto left = counted_;
    transact(db_, [&] { take_out(db_, places, left); });
    counted_ = left;
}

void file::set_aside(const place& one, std::string_view reason) {
    counted();
    auto left = counted_;
    transact(db_, [&] {
        statement keep{
            db_,
            "INSERT INTO damaged (id, source, origin, received_at, remote_address, content_type, body, "
            "digest, "
            "reason, found_at) SELECT id, source, origin, received_at, remote_address, content_type, body, "
            "digest, ?2, ?3 FROM deliveries WHERE number = ?1 AND id = ?4"};
        keep.bind(1, one.number).bind(2, reason).bind(3, now_in_us()).bind_bytes(4, bytes_of(one.id)).run();
        left.damaged += static_cast<std::size_t>(db_.changes());
        take_out(db_, {one}, left);
    });
    counted_ = left;
}

/// What has changed may have changed its id too, so that only the number says which it is.
void file::set_aside_changed(std::int64_t number) {
    transact(db_, [&] {
        statement keep{
            db_,
            "INSERT INTO damaged (id, source, origin, received_at, remote_address, content_type, body, "
            "digest, "
            "reason, found_at) SELECT id, source, origin, received_at, remote_address, content_type, body, "
            "digest, ?2, ?3 FROM deliveries WHERE number = ?1"};
        keep.bind(1, number).bind(2, changed_since_it_came).bind(3, now_in_us()).run();
        statement gone{db_, "DELETE FROM deliveries WHERE number = ?1"};
        gone.bind(1, number).run();
    });
    version_ = -1;
}

void file::shrink() {
    db_.run(shrink_some);
    db_.run("PRAGMA wal_checkpoint(TRUNCATE)");
}

bool file::shrinkable() {
    return db_.number("PRAGMA freelist_count") > 0;
}

const file::contents& file::counted() {
    const auto version = db_.number("PRAGMA data_version");
    if (version == version_) return counted_;
    statement s{db_, "SELECT count(*), coalesce(sum(length(body)), 0) FROM deliveries"};
    s.step();
    counted_.deliveries = static_cast<std::size_t>(s.integer(0));
    counted_.body_bytes = static_cast<std::uint64_t>(s.integer(1));
    counted_.damaged = static_cast<std::size_t>(db_.number("SELECT count(*) FROM damaged"));
    version_ = version;
    return counted_;
}

std::optional<utc_time> file::oldest_arrival() {
    statement s{db_, "SELECT received_at FROM deliveries ORDER BY number LIMIT 1"};
    if (!s.step()) return {};
    return utc_time{std::chrono::microseconds{s.integer(0)}};
}

std::uint64_t file::used_bytes() {
    const auto pages = db_.number("PRAGMA page_count") - db_.number("PRAGMA freelist_count");
    return static_cast<std::uint64_t>(pages * db_.number("PRAGMA page_size"));
}

}  // namespace callhook::spool
