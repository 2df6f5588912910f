#include "store/session.hpp"

#include "base/time_text.hpp"
#include "store/copy_writer.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <stdexcept>

namespace callhook::store {
namespace {

using namespace std::chrono_literals;

constexpr statement read_setting{"read_setting", "SELECT current_setting($1)"};

std::string setting(session& db, const char* name) {
    return db.run("read setting", [&](pqxx::nontransaction& tx) {
        return std::string{db.exec(tx, read_setting, name)[0][0].c_str()};
    });
}

/// The code of what running this ends in.
failure failure_of(session& db, const std::string& sql) {
    try {
        db.transact("try", [&](pqxx::work& tx) { tx.exec(sql); });
    } catch (const failure& e) {
        return e;
    }
    ADD_FAILURE() << "no failure of " << sql;
    return failure{{}, ""};
}

TEST(bytea, is_read_as_it_was_written) {
    std::string every_byte(256, '\0');
    std::iota(every_byte.begin(), every_byte.end(), '\0');
    EXPECT_EQ(from_bytea(to_bytea(every_byte)), every_byte);
    EXPECT_EQ(to_bytea(""), "\\x");
    EXPECT_EQ(from_bytea("\\x"), "");
    EXPECT_EQ(to_bytea(std::string_view{"\0\x7f\xff", 3}), "\\x007fff");
    EXPECT_EQ(from_bytea(""), "");
}

TEST(bytea, is_short_for_text_and_never_longer_than_hexadecimal_by_much) {
    const auto form_of = [](std::string_view bytes) {
        std::string out = "before";
        append_bytea(out, bytes);
        EXPECT_TRUE(out.starts_with("before"));
        return out.substr(6);
    };
    EXPECT_EQ(form_of(R"({"a":1})"), R"({"a":1})");
    EXPECT_EQ(form_of(R"(name: \u0142 \x41 \303)"), R"(name: \\u0142 \\x41 \\303)");
    EXPECT_EQ(form_of("\u0142, and all the rest of it"), R"(\305\202, and all the rest of it)");
    EXPECT_EQ(form_of("\x01\x02"), R"(\x0102)");
    EXPECT_EQ(form_of(R"(\x41)"), R"(\\x41)") << "not one backslash, or it would be taken for hexadecimal";
    std::string bytes;
    for (int plain = 0; plain < 12; ++plain) {
        for (int c = 0; c < 256; ++c) {
            bytes.assign(static_cast<std::size_t>(plain), 'a');
            bytes += static_cast<char>(c);
            bytes += plain % 2 == 0 ? "7" : "";
            EXPECT_EQ(from_bytea(form_of(bytes)), bytes);
        }
    }
}

TEST(array_literal, quotes_its_elements) {
    EXPECT_EQ(array_literal{}.take(), "{}");
    array_literal list;
    list.add(std::string_view{"a\"b\\c,{d}"});
    list.add(parameter{});
    list.add(parameter{"NULL"});
    list.add(std::string_view{""});
    EXPECT_EQ(list.take(), R"({"a\"b\\c,{d}",NULL,"NULL",""})");
}

TEST(session, pins_what_durability_rests_on) {
    test_database database{test_database::content::fresh};
    database.exec(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());"
        "EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', "
        "current_database());"
        "EXECUTE format('ALTER DATABASE %I SET search_path = public', current_database());"
        "EXECUTE format('ALTER DATABASE %I SET timezone = ''Europe/Warsaw''', current_database()); END $$"
    );
    session db{database.where(), "test"};
    EXPECT_EQ(setting(db, "synchronous_commit"), "on");
    EXPECT_EQ(setting(db, "default_transaction_isolation"), "read committed");
    EXPECT_EQ(setting(db, "search_path"), "callhook, pg_catalog");
    EXPECT_EQ(setting(db, "timezone"), "UTC");
    EXPECT_EQ(setting(db, "application_name"), "callhook-test");
    EXPECT_EQ(setting(db, "statement_timeout"), "10s");
}

TEST(session, keeps_what_the_operators_url_sets) {
    test_database database;
    auto where = database.where();
    const auto url = where.url.reveal();
    const bool uri = url.starts_with("postgres");
    where.url = secret{url + (uri ? "&" : " ") + "application_name=mine"};
    session db{where, "test"};
    EXPECT_EQ(setting(db, "application_name"), "mine");
}

TEST(session, commits_or_rolls_back) {
    test_database database{test_database::content::fresh};
    session db{database.where(), "test"};
    db.transact("make", [](pqxx::work& tx) { tx.exec("CREATE TABLE t (n int)"); });
    EXPECT_EQ(
        db.transact(
            "insert", [](pqxx::work& tx) { return tx.exec("INSERT INTO t VALUES (1)").affected_rows(); }
        ),
        1U
    );
    EXPECT_THROW(
        db.transact(
            "break",
            [](pqxx::work& tx) {
                tx.exec("INSERT INTO t VALUES (2)");
                throw std::logic_error{"broken"};
            }
        ),
        std::logic_error
    );
    EXPECT_TRUE(db.connected());
    EXPECT_EQ(database.number("SELECT sum(n) FROM t"), 1);
}

TEST(session, failures_have_codes_and_no_word_of_the_server) {
    test_database database;
    session db{database.with_statement_timeout(100ms), "test"};
    const auto absent = failure_of(db, "SELECT 'personal data' FROM no_such_table");
    EXPECT_EQ(absent.cause().code, errc::mismatch);
    EXPECT_EQ(absent.sqlstate(), "42P01");
    EXPECT_EQ(std::string{absent.what()}.find("personal"), std::string::npos);
    EXPECT_EQ(std::string{absent.what()}.find("no_such_table"), std::string::npos);

    const auto slow = failure_of(db, "SELECT pg_sleep(10)");
    EXPECT_EQ(slow.cause().code, errc::timed_out);
    EXPECT_EQ(slow.sqlstate(), "57014");
    EXPECT_TRUE(db.connected()) << "neither costs the connection";

    const auto twice = failure_of(
        db, "INSERT INTO feed_head (epoch, system_identifier, timeline) VALUES ('00000000', 'x', 1)"
    );
    EXPECT_EQ(twice.cause().code, errc::unavailable);
    EXPECT_EQ(twice.sqlstate(), "23505");
}

TEST(session, a_lost_connection_is_made_anew_at_the_next_call) {
    test_database database;
    session db{database.where(), "test"};
    int connects = 0;
    db.on_connect([&](session&) { ++connects; });
    EXPECT_EQ(setting(db, "synchronous_commit"), "on");
    database.disconnect_others();
    const auto lost = failure_of(db, "SELECT 1");
    EXPECT_EQ(lost.cause().code, errc::unavailable);
    EXPECT_FALSE(db.connected());
    EXPECT_EQ(setting(db, "synchronous_commit"), "on") << "statements are prepared again, settings set again";
    EXPECT_EQ(connects, 2);
}

TEST(session, without_its_set_up_a_connection_is_not_used) {
    test_database database;
    session db{database.where(), "test"};
    bool broken = true;
    db.on_connect([&](session& s) {
        if (broken) s.run("break", [](pqxx::nontransaction& tx) { tx.exec("SELECT 1 FROM no_such_table"); });
    });
    EXPECT_THROW((void)setting(db, "timezone"), failure);
    EXPECT_FALSE(db.connected());
    broken = false;
    EXPECT_EQ(setting(db, "timezone"), "UTC");
}

TEST(session, reads_times_to_the_microsecond) {
    test_database database;
    session db{database.where(), "test"};
    db.run("read times", [](pqxx::nontransaction& tx) {
        const auto row = tx.exec(
            "SELECT '2016-09-08 15:32:54.123456+02'::timestamptz, '2016-09-08 13:32:54+00'::timestamptz, "
            "'1969-12-31 23:59:59.5+00'::timestamptz, '-infinity'::timestamptz, 'infinity'::timestamptz"
        )[0];
        EXPECT_EQ(time_of(row[0]), test_time());
        EXPECT_EQ(time_of(row[1]), *parse_rfc3339("2016-09-08T13:32:54Z"));
        EXPECT_EQ(time_of(row[2]), utc_time{-500ms});
        EXPECT_EQ(time_of(row[3]), utc_time::min());
        EXPECT_THROW((void)time_of(row[4]), failure);
    });
}

TEST(copy_writer, writes_nothing_unless_completed) {
    test_database database{test_database::content::fresh};
    session db{database.where(), "test"};
    db.transact("make", [](pqxx::work& tx) { tx.exec("CREATE TABLE t (a text, b text)"); });
    db.transact("copy", [](pqxx::work& tx) {
        copy_writer rows{tx, "t", "a,b"};
        rows.row(std::string{"tab\t line\n back\\slash \\N \\."}, parameter{});
        rows.row(std::string{}, parameter{"NULL"});
        rows.complete();
    });
    EXPECT_EQ(
        database.number(
            "SELECT count(*) FROM t WHERE a = E'tab\\t line\\n back\\\\slash \\\\N \\\\.' AND b IS NULL"
        ),
        1
    );
    EXPECT_EQ(database.number("SELECT count(*) FROM t WHERE a = '' AND b = 'NULL'"), 1);
    EXPECT_THROW(
        db.transact(
            "break",
            [](pqxx::work& tx) {
                copy_writer rows{tx, "t", "a,b"};
                rows.row(std::string{"x"}, parameter{});
                throw std::logic_error{"broken"};
            }
        ),
        std::logic_error
    );
    EXPECT_EQ(database.number("SELECT count(*) FROM t"), 2);
    EXPECT_EQ(setting(db, "timezone"), "UTC") << "the connection can be used on";
}

}  // namespace
}  // namespace callhook::store
