#include "feed/feed_request.hpp"

#include "feed/cross_origin.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>

namespace callhook::feed {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

result<feed_request> read(const std::string& query, std::vector<http::field> fields = {}) {
    http::request_head head;
    head.query = query;
    head.fields = std::move(fields);
    return read_feed_request(head, {100, 5'000ms});
}

TEST(feed_request, everything_has_a_default) {
    const auto found = read("").value();
    EXPECT_EQ(found.form, feed_form::batch);
    EXPECT_EQ(found.last_event_id, "");
    EXPECT_TRUE(found.filter.empty());
    EXPECT_EQ(found.limit, 100U);
    EXPECT_EQ(found.timeout, 0ms);
}

TEST(feed_request, the_header_outweighs_the_parameter_unless_it_is_empty) {
    EXPECT_EQ(read("lastEventId=a").value().last_event_id, "a");
    EXPECT_EQ(read("lastEventId=a", {{"Last-Event-ID", "b"}}).value().last_event_id, "b");
    EXPECT_EQ(read("lastEventId=a", {{"last-event-id", ""}}).value().last_event_id, "a");
}

TEST(feed_request, filters_may_be_repeated_or_listed) {
    const auto found =
        read("type=a,b&type=c&source=/callhook/x&source=y&subject=calls/1&widget=1,-2&limit=500&timeout=9999"
        );
    ASSERT_TRUE(found);
    EXPECT_THAT(found->filter.types, ElementsAre("a", "b", "c"));
    EXPECT_THAT(found->filter.sources, ElementsAre("x", "y"));
    EXPECT_THAT(found->filter.subjects, ElementsAre("calls/1"));
    EXPECT_THAT(found->filter.widgets, ElementsAre(1, -2));
    EXPECT_EQ(found->limit, 100U);
    EXPECT_EQ(found->timeout, 5'000ms);
}

TEST(feed_request, the_form_is_what_the_client_accepts) {
    const auto form = [](const char* accept) { return read("", {{"Accept", accept}}).value().form; };
    EXPECT_EQ(form("*/*"), feed_form::batch);
    EXPECT_EQ(form("text/event-stream"), feed_form::stream);
    EXPECT_EQ(form("text/html, Text/Event-Stream;q=0.9"), feed_form::stream);
    EXPECT_EQ(form("application/x-ndjson"), feed_form::lines);
    EXPECT_EQ(form("text/event-stream-like"), feed_form::batch);
    EXPECT_EQ(
        read("", {{"Accept", "text/html"}, {"Accept", "text/event-stream"}}).value().form, feed_form::stream
    );
}

TEST(feed_request, what_is_wrong_is_named) {
    const std::pair<const char*, const char*> cases[] = {
        {"limit=0", "limit"},
        {"limit=x", "limit"},
        {"timeout=-1", "timeout"},
        {"widget=x", "widget"},
        {"Limit=1", "known are lastEventId, timeout"},
        {"type=%zz", ""},
    };
    for (const auto& [query, what] : cases) {
        const auto found = read(query);
        ASSERT_TRUE(found.has_error()) << query;
        EXPECT_EQ(found.error().code, errc::invalid_input);
        EXPECT_THAT(found.error().message, HasSubstr(what));
    }
    http::request_head head;
    head.query = "limit=1";
    EXPECT_EQ(read_query(head, {}).error().message, "unknown parameter");
}

TEST(feed_request, refusals_have_their_status) {
    EXPECT_EQ(feed_refusal({errc::gone, "", ""}).status, 410U);
    EXPECT_EQ(feed_refusal({errc::not_found, "", ""}).status, 404U);
    const auto later = feed_refusal({errc::overloaded, "", ""});
    EXPECT_EQ(later.status, 503U);
    ASSERT_FALSE(later.fields.empty());
    EXPECT_EQ(later.fields.back().name, "Retry-After");
}

/// Refuses whom `admit` does not like, and says hello to others.
class doorman final : public http::endpoint {
public:
    std::optional<http::response> admit(const http::request_head& head) override {
        if (head.query == "no") return http::problem(403, "no");
        return {};
    }
    boost::asio::awaitable<http::response> handle(http::request) override {
        co_return http::json_response(200, "{}");
    }
};

TEST(cross_origin, says_so_to_those_listed_whatever_the_answer) {
    const auto inner = std::make_shared<doorman>();
    EXPECT_EQ(readable_from({}, inner), inner);
    const auto open = readable_from({"https://a.example", "http://b.example:81"}, inner);
    const auto fields_for = [&](const std::string& origin, const std::string& query) {
        http::request whole;
        whole.query = query;
        whole.fields = {{"Origin", origin}};
        auto answer = open->admit(whole);
        if (!answer) {
            boost::asio::io_context loop;
            auto handled =
                boost::asio::co_spawn(loop, open->handle(std::move(whole)), boost::asio::use_future);
            loop.run();
            answer = handled.get();
        }
        std::vector<std::string> out;
        for (const auto& f : answer->fields)
            out.push_back(f.name + ": " + f.value);
        return out;
    };
    for (const auto* query : {"", "no"}) {
        EXPECT_THAT(
            fields_for("http://b.example:81", query),
            ElementsAre(
                "Vary: Origin",
                "Access-Control-Allow-Origin: http://b.example:81",
                "Access-Control-Expose-Headers: Last-Event-ID"
            )
        );
        for (const auto* other : {"https://evil.example", "https://a.example.evil", "null", ""})
            EXPECT_THAT(fields_for(other, query), ElementsAre("Vary: Origin"));
    }
}

}  // namespace
}  // namespace callhook::feed
