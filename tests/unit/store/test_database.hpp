#pragma once

// A real PostgreSQL for tests: the one of CALLHOOK_TEST_DATABASE_URL, whose role must be allowed to make
// databases, or a private cluster that lives as long as the test program.

#include "base/uuid.hpp"
#include "store/sequencer_store.hpp"
#include "store/session.hpp"

#include <pqxx/pqxx>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::store {

/// The private cluster's process; nothing where the tests were given a database.
class test_cluster {
public:
    [[nodiscard]] static bool is_private();
    /// Ends all its processes as a power cut would, and brings it back.
    static void kill();
    static void start();
    /// Changes a setting that a reload is enough for.
    static void set(const std::string& name, const std::string& value);
};

/// A database that one test has for itself.
class test_database {
public:
    /// Making one takes the server a while, so that one with the schema is handed from test to test, each
    /// time without rows. A test that changes more than rows asks for a fresh one.
    enum class content { empty, migrated, fresh };

    explicit test_database(content with = content::migrated);
    ~test_database();
    test_database(const test_database&) = delete;
    test_database& operator=(const test_database&) = delete;

    [[nodiscard]] const settings& where() const { return where_; }
    [[nodiscard]] settings with_statement_timeout(std::chrono::milliseconds longest) const;

    /// Runs SQL with search_path `callhook`, each call in a transaction of its own.
    pqxx::result exec(const std::string& sql);
    /// The one value of a query.
    std::int64_t number(const std::string& sql);
    std::string text(const std::string& sql);

    /// Another connection of the test's own, search_path set, for a transaction that stays open.
    [[nodiscard]] std::unique_ptr<pqxx::connection> connect() const;

    /// Ends every connection but the test's own, and lets none in, until `let_in`.
    void shut_out();
    void let_in();
    /// Ends every connection but the test's own; they may come again.
    void disconnect_others();

private:
    void clear();

    bool reusable_;
    bool shut_ = false;
    std::string name_;
    settings where_;
    std::unique_ptr<pqxx::connection> own_;
};

/// The id number `n` of a delivery received at `at`; rises with both.
uuid test_id(std::uint32_t n, utc_time at);
/// A fixed moment, in a month that no partition was made for.
utc_time test_time();

/// A moment in the current month, for what must land in a partition.
utc_time this_month();

/// An SQL literal.
std::string sql_text(std::string_view text);

struct test_delivery {
    uuid id{};
    std::string body = "{}";
    std::string source = "main";
};

/// Stores deliveries as one group commit of the inbox would.
void put_group(test_database& db, const std::vector<test_delivery>& group);

/// The deliveries of the groups that it takes, in order.
inline std::vector<pending_delivery> take_deliveries(sequencer_transaction& tx, std::size_t enough) {
    std::vector<pending_delivery> out;
    for (auto& group : tx.deliveries_of(tx.take_pending(enough))) {
        for (auto& d : group)
            out.push_back(std::move(d));
    }
    return out;
}

}  // namespace callhook::store
