#include "api/backfill.hpp"

#include "base/time_text.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callhook::api {
namespace {

using testing::HasSubstr;

constexpr std::string_view id = "01890a5d-ac96-774b-bcce-b302099a8057";

utc_time at(std::string_view text) {
    return parse_rfc3339(text).value();
}

store::listed_gap some_gap() {
    store::listed_gap gap;
    gap.id = parse_uuid(id).value();
    gap.source = "main";
    gap.found_at = at("2026-11-21T08:00:00.25Z");
    gap.found_by = "sweep";
    gap.from = at("2026-11-21T07:00:00Z");
    gap.to = at("2026-11-21T07:50:00Z");
    gap.calls = 2;
    gap.events = {{"call.completed", 1}, {"call.new", 2}};
    gap.came_late = 1;
    return gap;
}

constexpr std::string_view some_gap_as_json =
    R"({"id":"01890a5d-ac96-774b-bcce-b302099a8057","source":"main",)"
    R"("found_at":"2026-11-21T08:00:00.250000Z","found_by":"sweep","from":"2026-11-21T07:00:00Z",)"
    R"("to":"2026-11-21T07:50:00Z","calls":2,"events":{"call.completed":1,"call.new":2},"came_late":1)";

TEST(backfill_json, a_gap_in_numbers) {
    EXPECT_EQ(json::serialize(gap_json(some_gap())), std::string{some_gap_as_json} + "}");
}

TEST(backfill_json, a_gap_with_its_webhooks_says_only_what_is_known) {
    const std::vector<store::gap_call> missing{
        {17, "call.completed", "completed", at("2026-11-21T09:00:00Z")},
        {17, "call.new", "completed", {}},
        {18, "call.new", "", {}}};
    EXPECT_EQ(
        json::serialize(gap_details_json(some_gap(), missing)),
        std::string{some_gap_as_json} +
            R"(,"missing":[{"call_id":17,"event":"call.completed","phase":"completed",)"
            R"("came_at":"2026-11-21T09:00:00Z"},{"call_id":17,"event":"call.new","phase":"completed"},)"
            R"({"call_id":18,"event":"call.new"}]})"
    );
    EXPECT_TRUE(gap_details_json(some_gap(), {}).at("missing").as_array().empty());
}

TEST(backfill_json, a_silent_widget) {
    const store::silent_widget silent{"main", {3, "Prices", "https://example.org/prices", true}, 12};
    EXPECT_EQ(
        json::serialize(silent_widget_json(silent)),
        R"({"source":"main","id":3,"name":"Prices","url":"https://example.org/prices","calls":12})"
    );
}

TEST(backfill_json, a_job_says_only_what_it_has) {
    store::job job;
    job.id = 5;
    job.source = "main";
    job.kind = "sweep";
    job.reason = "standing";
    job.due_at = at("2026-11-21T08:00:00Z");
    job.generation = 9;
    EXPECT_EQ(
        json::serialize(job_json(job)),
        R"({"id":5,"source":"main","kind":"sweep","reason":"standing","due_at":"2026-11-21T08:00:00Z",)"
        R"("looks":0,"attempts":0})"
    );
    job.kind = "call";
    job.call_id = 17;
    job.looks = 1;
    job.attempts = 10;
    job.dead_at = at("2026-11-21T09:00:00Z");
    job.last_error = "answered 500";
    EXPECT_EQ(
        json::serialize(job_json(job)),
        R"({"id":5,"source":"main","kind":"call","call_id":17,"reason":"standing",)"
        R"("due_at":"2026-11-21T08:00:00Z","looks":1,"attempts":10,"dead_at":"2026-11-21T09:00:00Z",)"
        R"("last_error":"answered 500"})"
    );
}

/// Endpoints before a database that is not there: what they refuse by themselves, and what they say of it.
class backfill_endpoints : public testing::Test {
protected:
    http::response answer(http::endpoint& endpoint, std::string query, std::string gap_id = {}) {
        http::request whole;
        whole.method = "GET";
        whole.query = std::move(query);
        if (!gap_id.empty()) whole.path_parameters.push_back({"id", std::move(gap_id)});
        auto outcome =
            boost::asio::co_spawn(loop, endpoint.handle(std::move(whole)), boost::asio::use_future);
        loop.restart();
        loop.run();
        return outcome.get();
    }

    boost::asio::io_context loop;
    metrics_registry metrics;
    store::reader_pool readers{{secret{"host=/nonexistent dbname=none"}, {}, {}}, 1, metrics};
    gaps_endpoint gaps{readers, 500};
    gap_endpoint gap{readers};
    jobs_endpoint jobs{readers, 500};
};

TEST_F(backfill_endpoints, gaps_refuse_what_they_do_not_know) {
    struct row {
        std::string query;
        std::string_view detail;
    };
    const row rows[] = {
        {"sources=main", "known are source, limit, cursor"},
        {"source=", "the name of a source"},
        {"source=Main", "the name of a source"},
        {"source=%FF", "not UTF-8"},
        {"limit=0", "limit is a whole number"},
        {"cursor=17", "cursor is not one"},
        {"a=%", ""},
    };
    for (const auto& [query, detail] : rows) {
        SCOPED_TRACE(query);
        const auto refused = answer(gaps, query);
        EXPECT_EQ(refused.status, 400U);
        EXPECT_THAT(refused.body, HasSubstr(std::string{detail}));
    }
}

TEST_F(backfill_endpoints, jobs_refuse_what_they_do_not_know) {
    for (const auto* query : {"state=alive", "state=", "limit=x", "cursor=1", "source=main"}) {
        SCOPED_TRACE(query);
        EXPECT_EQ(answer(jobs, query).status, 400U);
    }
    EXPECT_THAT(answer(jobs, "state=alive").body, HasSubstr("state is dead or all"));
}

TEST_F(backfill_endpoints, what_cannot_be_a_report_is_not_found) {
    EXPECT_EQ(answer(gap, "", "17").status, 404U);
    EXPECT_EQ(answer(gap, "", std::string{id} + "0").status, 404U);
}

TEST_F(backfill_endpoints, without_a_database_they_ask_to_come_again) {
    for (const auto* query : {"", "source=main&limit=5", "cursor=01890a5d-ac96-774b-bcce-b302099a8057"})
        EXPECT_EQ(answer(gaps, query).status, 503U) << query;
    EXPECT_EQ(answer(gap, "", std::string{id}).status, 503U);
    for (const auto* query : {"", "state=dead", "state=all&limit=1"})
        EXPECT_EQ(answer(jobs, query).status, 503U) << query;
}

}  // namespace
}  // namespace callhook::api
