#include "store/audit.hpp"

#include "test_database.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

namespace callhook::store {
namespace {

/// Two calls with three deliveries, a message, a quarantined delivery, and one that waits.
constexpr const char* good_ledger = R"(
    INSERT INTO deliveries (id, batch, source, origin, received_at, body)
    SELECT uuid_floor(date_trunc('month', now()) + make_interval(secs => n)),
           uuid_floor(date_trunc('month', now()) + make_interval(secs => CASE WHEN n = 6 THEN 6 ELSE 1 END)),
           'main', 'webhook', now(), '{}' FROM generate_series(1, 6) n;
    CREATE OR REPLACE FUNCTION d(n int) RETURNS uuid LANGUAGE sql AS
        'SELECT uuid_floor(date_trunc(''month'', now()) + make_interval(secs => n))';
    INSERT INTO pending (batch, first_id, last_id, deliveries) VALUES (d(6), d(6), d(6), 1);
    INSERT INTO outcomes (delivery_id, seq, result, source, event, call_id, message_id, reason) VALUES
        (d(1), 1, 'applied', 'main', 'call.new', 1, NULL, NULL),
        (d(2), 2, 'duplicate', 'main', 'call.new', 1, NULL, NULL),
        (d(3), 3, 'applied', 'main', 'call.missed', 2, NULL, NULL),
        (d(4), 4, 'applied', 'main', 'new.message', NULL, d(4), NULL),
        (d(5), 6, 'quarantined', 'main', NULL, NULL, NULL, 'not JSON');
    INSERT INTO calls (source, id, phase, at, record, facts) VALUES
        ('main', 1, 'new', now(), '{}', '[]'), ('main', 2, 'missed', now(), '{}', '[]');
    INSERT INTO messages (id, source, content_hash, received_at, fact, record) VALUES (d(4), 'main', '', now(), '', '{}');
    INSERT INTO events (position, recorded_at, type, source, subject, delivery_id, event) VALUES
        (1, now(), 'call.new', 'main', 'calls/1', d(1), '{}'), (2, now(), 'call.missed', 'main', 'calls/2', d(3), '{}'),
        (3, now(), 'new.message', 'main', 'messages/1', d(4), '{}'), (4, now(), 'call.overdue', 'main', 'calls/1', NULL, '{}'),
        (5, now(), 'gap.found', 'main', 'gaps/1', NULL, '{}');
    INSERT INTO gaps (id, source, found_at, found_by, from_at, to_at, calls, position) VALUES
        (d(1), 'main', now(), 'sweep', now(), now(), 2, 5), (d(2), 'main', now(), 'sweep', now(), now(), 1, NULL);
    INSERT INTO gap_calls (source, call_id, event, gap) VALUES
        ('main', 1, 'call.missed', d(1)), ('main', 1, 'call.new', d(1)), ('main', 2, 'call.new', d(1)),
        ('main', 3, 'call.new', d(2));
    INSERT INTO jobs (source, kind, call_id, reason, due_at, dead_at) VALUES
        ('main', 'call', 1, 'outcome', now(), now()), ('main', 'call', 2, 'outcome', now(), NULL);
    UPDATE feed_head SET position = 5, outcomes = 6;
)";

std::vector<std::string> tripped(const audit_report& report) {
    std::vector<std::string> out;
    for (const auto& check : report.checks) {
        if (check.violations != 0) out.push_back(check.name);
    }
    return out;
}

TEST(audit, an_empty_ledger_balances) {
    test_database db;
    const auto report = audit(db.where());
    EXPECT_TRUE(report.balanced());
    EXPECT_FALSE(report.checks.empty());
    for (const auto& total : report.totals)
        EXPECT_EQ(total.value, 0) << total.name;
}

TEST(audit, a_good_ledger_balances_and_is_counted) {
    test_database db;
    db.exec(good_ledger);
    const auto report = audit(db.where());
    EXPECT_TRUE(report.balanced()) << testing::PrintToString(tripped(report));
    std::string totals;
    for (const auto& total : report.totals)
        totals += total.name + ' ' + std::to_string(total.value) + '\n';
    EXPECT_EQ(
        totals,
        "deliveries 6\napplied 3\nduplicate 1\nquarantined 1\nerased 0\npending 1\n"
        "calls 2\nmessages 1\nevents 5\nfeed position 5\n"
        "expired events 0\nfinal calls 0\nfinal messages 0\ndead jobs 1\n"
    );
}

TEST(audit, expired_events_are_no_holes) {
    test_database db;
    db.exec(good_ledger);
    // Only what no delivery needs: the event of a clock is the one that may go without its delivery's.
    db.exec(
        "UPDATE events SET position = 6 - position, recorded_at = recorded_at + make_interval(secs => "
        "position); UPDATE gaps SET position = 1 WHERE position = 5; "
        "UPDATE feed_head SET floor = 2; DELETE FROM events WHERE position <= 2"
    );
    const auto report = audit(db.where());
    EXPECT_TRUE(report.balanced()) << testing::PrintToString(tripped(report));
}

struct imbalance {
    const char* name;
    const char* sql;
    std::vector<std::string> trips;
};

std::ostream& operator<<(std::ostream& out, const imbalance& c) {
    return out << c.name;
}

const std::string sum = "deliveries = applied + duplicate + quarantined + erased + pending";
const std::string decided_or_pending = "every delivery is decided or pending";
const std::string not_both = "no delivery is both decided and pending";
const std::string outcome_has_delivery = "every outcome has its delivery";
const std::string numbered = "outcomes are numbered once each, up to the head";
const std::string applied_has_event = "every applied delivery has an event, or it has expired";
const std::string event_was_applied = "every event's delivery was applied, or has expired";
const std::string no_holes = "feed positions run without holes to the head";
const std::string call_has_record = "every decided call has its record";
const std::string record_has_delivery = "every record that is not final has a delivery";
const std::string message_has_record = "every decided message has its record";
const std::string erased_is_empty = "every erased delivery is empty";
const std::string erased_event_is_empty = "every erased event is empty, and no other";
const std::string erased_call_stays_away = "no erased call has come back";
const std::string message_has_delivery = "every message that is not final has its delivery";
const std::string gap_has_event = "every told gap report has its event";
const std::string gap_counts_calls = "every gap report counts its calls";

class audit_imbalance : public testing::TestWithParam<imbalance> {};

TEST_P(audit_imbalance, trips_its_checks) {
    test_database db;
    db.exec(good_ledger);
    db.exec(GetParam().sql);
    const auto report = audit(db.where());
    EXPECT_FALSE(report.balanced());
    EXPECT_EQ(tripped(report), GetParam().trips);
}

INSTANTIATE_TEST_SUITE_P(
    planted,
    audit_imbalance,
    testing::Values(
        imbalance{
            "a delivery vanished", "DELETE FROM deliveries WHERE id = d(2)", {sum, outcome_has_delivery}},
        imbalance{"a pending row vanished", "DELETE FROM pending", {sum, decided_or_pending}},
        imbalance{
            "an outcome vanished",
            "DELETE FROM outcomes WHERE delivery_id = d(2)",
            {sum, decided_or_pending}},
        imbalance{"pending counts too many", "UPDATE pending SET deliveries = 2", {sum}},
        imbalance{
            "pending again after its outcome",
            "INSERT INTO pending (batch, first_id, last_id, deliveries) VALUES (d(1), d(2), d(2), 1)",
            {sum, not_both}},
        imbalance{
            "one lost, one counted twice",
            "UPDATE pending SET batch = d(1), first_id = d(2), last_id = d(2)",
            {decided_or_pending, not_both}},
        imbalance{
            "two outcomes of one number", "UPDATE outcomes SET seq = 1 WHERE delivery_id = d(2)", {numbered}},
        imbalance{
            "an outcome above the head", "UPDATE outcomes SET seq = 7 WHERE delivery_id = d(2)", {numbered}},
        imbalance{"the head went back", "UPDATE feed_head SET outcomes = 5", {numbered}},
        imbalance{
            "applied without an event",
            "UPDATE outcomes SET result = 'applied' WHERE delivery_id = d(2)",
            {applied_has_event}},
        imbalance{
            "an event of a duplicate",
            "UPDATE outcomes SET result = 'duplicate' WHERE delivery_id = d(1)",
            {event_was_applied}},
        imbalance{
            "an event of nobody",
            "UPDATE events SET delivery_id = d(99) WHERE position = 4",
            {event_was_applied}},
        imbalance{"a hole", "DELETE FROM events WHERE position = 4", {no_holes}},
        imbalance{
            "a position twice and one missing",
            "UPDATE events SET position = 1, recorded_at = recorded_at + interval '1 second' WHERE position "
            "= 4",
            {no_holes}},
        imbalance{"an event above the head", "UPDATE events SET position = 6 WHERE position = 4", {no_holes}},
        imbalance{"the head went ahead", "UPDATE feed_head SET position = 6", {no_holes}},
        imbalance{"events below the floor", "UPDATE feed_head SET floor = 1", {no_holes}},
        imbalance{"a call vanished", "DELETE FROM calls WHERE id = 2", {call_has_record}},
        imbalance{
            "a call of nobody",
            "INSERT INTO calls (source, id, phase, at, record, facts) VALUES ('other', 1, 'new', "
            "now(), '', '')",
            {record_has_delivery}},
        imbalance{"a message vanished", "DELETE FROM messages", {message_has_record}},
        imbalance{
            "erased and not emptied",
            "UPDATE outcomes SET result = 'erased' WHERE delivery_id = d(2)",
            {erased_is_empty}},
        imbalance{
            "erased and its sender known",
            "UPDATE outcomes SET result = 'erased' WHERE delivery_id = d(2); "
            "UPDATE deliveries SET body = '', remote_addr = '192.0.2.1' WHERE id = d(2)",
            {erased_is_empty}},
        imbalance{
            "an event without its text",
            "UPDATE events SET event = '' WHERE position = 4",
            {erased_event_is_empty}},
        imbalance{
            "an erased event with its text",
            "UPDATE events SET type = 'erased', event = '{}' WHERE position = 4",
            {erased_event_is_empty}},
        imbalance{
            "an erased call is back",
            "INSERT INTO erasures VALUES (d(98), 'phone', '', now(), '{}'); "
            "INSERT INTO erased_calls SELECT source, id, d(98) FROM calls WHERE id = 2",
            {erased_call_stays_away}},
        imbalance{
            "a message of nobody",
            "INSERT INTO messages (id, source, content_hash, received_at, fact, record) VALUES (d(99), "
            "'main', "
            "'', now(), '', '{}')",
            {message_has_delivery}},
        imbalance{
            "an expired delivery is there and was not applied",
            "UPDATE feed_head SET deliveries_floor = d(5); UPDATE outcomes SET result = 'duplicate' WHERE "
            "delivery_id = d(1)",
            {event_was_applied}},
        imbalance{
            "an event is missing above the floor of outcomes",
            "UPDATE feed_head SET outcomes_floor = 1; UPDATE events SET delivery_id = NULL WHERE position = "
            "2",
            {applied_has_event}},
        imbalance{
            "a gap told at another event",
            "UPDATE gaps SET position = 4 WHERE position = 5",
            {gap_has_event}},
        imbalance{
            "a gap told above the head", "UPDATE gaps SET position = 6 WHERE position = 5", {gap_has_event}},
        imbalance{"a gap without calls", "DELETE FROM gap_calls WHERE gap = d(2)", {gap_counts_calls}},
        imbalance{"a gap counts too many", "UPDATE gaps SET calls = 3 WHERE calls = 2", {gap_counts_calls}}
    ),
    [](const auto& info) {
        std::string name = info.param.name;
        std::replace(name.begin(), name.end(), ' ', '_');
        std::erase(name, ',');
        return name;
    }
);

TEST(audit, every_check_is_planted_above) {
    test_database db;
    std::vector<std::string> names;
    for (const auto& check : audit(db.where()).checks)
        names.push_back(check.name);
    EXPECT_EQ(
        names,
        (std::vector{
            sum,
            decided_or_pending,
            not_both,
            outcome_has_delivery,
            numbered,
            applied_has_event,
            event_was_applied,
            no_holes,
            call_has_record,
            record_has_delivery,
            message_has_record,
            erased_is_empty,
            erased_event_is_empty,
            erased_call_stays_away,
            message_has_delivery,
            gap_has_event,
            gap_counts_calls})
    ) << "a new check needs an imbalance that trips it";
}

TEST(audit, changes_nothing_and_needs_no_lock) {
    test_database db;
    db.exec(good_ledger);
    auto other = db.connect();
    pqxx::work held{*other};
    held.exec("SELECT 1 FROM feed_head FOR UPDATE");
    EXPECT_TRUE(audit(db.where()).balanced());
}

}  // namespace
}  // namespace callhook::store
