#include "test_database.hpp"

#include "base/log.hpp"
#include "base/time_text.hpp"
#include "store/migrations.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
/// libpqxx 6.4 forgets the result of a statement whose connection broke.
extern "C" const char* __lsan_default_suppressions() {
    return "leak:PQmakeEmptyPGresult\n";
}
#endif

namespace callhook::store {

namespace {

constexpr std::string_view name_mark = "DATABASE_NAME";

/// Where databases are made; filled by the environment below.
struct {
    /// Empty where the tests were given a database.
    std::string folder;
    /// May make databases.
    std::string admin_url;
    /// A database's URL, with `name_mark` for its name.
    std::string url_pattern;
    std::string owner;
    std::string migrated;
    /// Databases that wait for the next test.
    std::vector<std::string> spare;
    int made = 0;
} server;

/// Runs scripts/postgres and returns what it printed.
std::string postgres(const std::string& command, const std::string& arguments = {}) {
    const auto line =
        std::string{CALLHOOK_POSTGRES_SCRIPT} + ' ' + command + " '" + server.folder + "' " + arguments;
    std::unique_ptr<FILE, int (*)(FILE*)> pipe{::popen(line.c_str(), "r"), ::pclose};
    std::string printed;
    std::array<char, 512> part{};
    while (std::fgets(part.data(), part.size(), pipe.get()) != nullptr)
        printed += part.data();
    if (::pclose(pipe.release()) != 0) throw std::runtime_error{"scripts/postgres " + command + " failed"};
    while (printed.ends_with('\n'))
        printed.pop_back();
    return printed;
}

std::string with_name(std::string url, const std::string& name) {
    return url.replace(url.find(name_mark), name_mark.size(), name);
}

/// In libpq the last one of a parameter wins, in both forms of a connection string.
std::string given_pattern(const std::string& url) {
    if (!url.starts_with("postgres://") && !url.starts_with("postgresql://"))
        return url + " dbname=DATABASE_NAME";
    return url + (url.find('?') == std::string::npos ? '?' : '&') + "dbname=DATABASE_NAME";
}

void admin(const std::string& sql) {
    pqxx::connection connection{server.admin_url};
    pqxx::nontransaction tx{connection};
    tx.exec(sql);
}

std::string make_database(const std::string& from) {
    const auto name = "callhook_test_" + std::to_string(::getpid()) + '_' + std::to_string(++server.made);
    admin("CREATE DATABASE " + name + " TEMPLATE " + from + server.owner);
    return name;
}

void drop_database(const std::string& name) {
    admin("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
}

class database_environment final : public testing::Environment {
public:
    void SetUp() override {
        // Outages are made on purpose here.
        log::set_level(log::level::off);
        if (const char* given = std::getenv("CALLHOOK_TEST_DATABASE_URL");
            given != nullptr && *given != '\0') {
            server.admin_url = given;
            server.url_pattern = given_pattern(given);
            return;
        }
        auto folder = (std::filesystem::temp_directory_path() / "callhook-store-XXXXXX").string();
        if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error{"no temporary folder"};
        server.folder = folder;
        test_cluster::start();
        server.admin_url = postgres("url", "postgres postgres");
        server.url_pattern = postgres("url", std::string{name_mark} + " callhook");
        server.owner = " OWNER callhook";
    }

    void TearDown() override {
        if (server.folder.empty()) {
            for (const auto& name : server.spare)
                drop_database(name);
            if (!server.migrated.empty()) drop_database(server.migrated);
            return;
        }
        postgres("kill");
        std::filesystem::remove_all(server.folder);
    }
};

[[maybe_unused]] const auto* const environment = testing::AddGlobalTestEnvironment(new database_environment);

/// Migrated once; the others are copies of it.
const std::string& migrated_template() {
    if (server.migrated.empty()) {
        server.migrated = make_database("template1");
        settings where;
        where.url = secret{with_name(server.url_pattern, server.migrated)};
        if (!migrate(where).up_to_date()) throw std::runtime_error{"the schema was not made"};
    }
    return server.migrated;
}

}  // namespace

bool test_cluster::is_private() {
    return !server.folder.empty();
}

void test_cluster::kill() {
    postgres("kill");
}

void test_cluster::start() {
    // Settings that bear on durability stay as they are: callhook refuses a server without them.
    postgres("start", "autovacuum=off");
}

void test_cluster::set(const std::string& name, const std::string& value) {
    admin("ALTER SYSTEM SET " + name + " = '" + value + "'");
    admin("SELECT pg_reload_conf()");
    // The server takes notice a moment later.
    for (int i = 0; i < 1'000; ++i) {
        pqxx::connection connection{server.admin_url};
        pqxx::nontransaction tx{connection};
        if (tx.exec("SHOW " + name)[0][0].c_str() == value) return;
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    throw std::runtime_error{name + " did not become " + value};
}

test_database::test_database(content with) : reusable_{with == content::migrated} {
    if (reusable_ && !server.spare.empty()) {
        name_ = server.spare.back();
        server.spare.pop_back();
    } else {
        name_ = make_database(with == content::empty ? "template1" : migrated_template());
    }
    where_.url = secret{with_name(server.url_pattern, name_)};
    own_ = connect();
    // A copy is a log of its own; these are not meant as copies.
    if (with != content::empty) exec("UPDATE feed_head SET place = feed_place()");
    if (reusable_) clear();
}

test_database::~test_database() {
    try {
        if (shut_) let_in();
        own_.reset();
        if (reusable_ && !testing::Test::HasFailure())
            server.spare.push_back(name_);
        else
            drop_database(name_);
    } catch (const std::exception& e) {
        ADD_FAILURE() << e.what();
    }
}

void test_database::clear() {
    disconnect_others();
    exec(
        "DELETE FROM deliveries; DELETE FROM pending; DELETE FROM outcomes; DELETE FROM calls; DELETE FROM "
        "messages; "
        "DELETE FROM events; UPDATE feed_head SET position = 0, floor = 0, outcomes = 0, recorded_at = "
        "'-infinity'; "
        "DELETE FROM gap_calls; DELETE FROM gaps; DELETE FROM jobs; DELETE FROM source_states; DELETE FROM "
        "api_paces; DELETE FROM widgets; DELETE FROM backfill_runs; UPDATE backfill_cursor SET position = 0; "
        "DELETE FROM erased_calls; DELETE FROM erasures; UPDATE feed_head SET erasures = 0; "
        "DELETE FROM leases; DELETE FROM consumers; DELETE FROM subscriptions; DELETE FROM announcements"
    );
}

settings test_database::with_statement_timeout(std::chrono::milliseconds longest) const {
    auto out = where_;
    out.statement_timeout = longest;
    return out;
}

pqxx::result test_database::exec(const std::string& sql) {
    if (!own_) own_ = connect();
    try {
        pqxx::work tx{*own_};
        auto rows = tx.exec(sql);
        tx.commit();
        return rows;
    } catch (const pqxx::broken_connection&) {
        own_.reset();
        throw;
    }
}

std::int64_t test_database::number(const std::string& sql) {
    return exec(sql)[0][0].as<std::int64_t>();
}

std::string test_database::text(const std::string& sql) {
    return exec(sql)[0][0].c_str();
}

std::unique_ptr<pqxx::connection> test_database::connect() const {
    auto made = std::make_unique<pqxx::connection>(where_.url.reveal());
    pqxx::nontransaction tx{*made};
    tx.exec("SET search_path = callhook, pg_catalog; SET timezone = 'UTC'; SET client_min_messages = warning"
    );
    return made;
}

void test_database::shut_out() {
    admin("ALTER DATABASE " + name_ + " ALLOW_CONNECTIONS false");
    shut_ = true;
    disconnect_others();
}

void test_database::let_in() {
    admin("ALTER DATABASE " + name_ + " ALLOW_CONNECTIONS true");
    shut_ = false;
}

void test_database::disconnect_others() {
    // By the own connection's role: the same one may end its other sessions.
    exec(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND "
        "pid <> pg_backend_pid()"
    );
}

uuid test_id(std::uint32_t n, utc_time at) {
    uuid id;
    const auto ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count()
    );
    for (std::size_t i = 0; i < 6; ++i)
        id.bytes[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
    id.bytes[6] = 0x70;
    id.bytes[8] = 0x80;
    for (std::size_t i = 0; i < 4; ++i)
        id.bytes[12 + i] = static_cast<std::uint8_t>(n >> (24 - 8 * i));
    return id;
}

utc_time test_time() {
    return *parse_rfc3339("2016-09-08T13:32:54.123456Z");
}

utc_time this_month() {
    return system_clock_source{}.now();
}

std::string sql_text(std::string_view text) {
    std::string out = "'";
    for (const char c : text)
        out += c == '\'' ? std::string{"''"} : std::string{c};
    return out + '\'';
}

void put_group(test_database& db, const std::vector<test_delivery>& group) {
    std::string rows;
    auto first = group.front().id;
    auto last = group.front().id;
    for (const auto& d : group) {
        first = std::min(first, d.id);
        last = std::max(last, d.id);
    }
    for (const auto& d : group) {
        rows += (rows.empty() ? "('" : ", ('") + to_string(d.id) + "', '" + to_string(first) + "', " +
                sql_text(d.source) + ", 'webhook', '" + to_rfc3339(test_time()) +
                "', '192.0.2.1', 'application/json', " + sql_text(to_bytea(d.body)) + ')';
    }
    db.exec(
        "INSERT INTO deliveries (id, batch, source, origin, received_at, remote_addr, content_type, body) "
        "VALUES " +
        rows + "; INSERT INTO pending (batch, first_id, last_id, deliveries) VALUES ('" + to_string(first) +
        "', '" + to_string(first) + "', '" + to_string(last) + "', " + std::to_string(group.size()) + ")"
    );
}

}  // namespace callhook::store
