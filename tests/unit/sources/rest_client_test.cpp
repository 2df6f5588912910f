#include "sources/callpage/rest_client.hpp"

#include "rest_support.hpp"
#include "sources/callpage/rest_targets.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>

namespace callhook::sources::callpage {
namespace {

namespace asio = boost::asio;
using kind = api_failure::kind;

class clock_at_noon final : public clock_source {
public:
    [[nodiscard]] utc_time now() const override { return noon; }
};

/// Writes down what is asked for, and answers what it was given to answer.
class fake_transport final : public transport {
public:
    asio::awaitable<api_result<api_answer>> get(api_request what) override {
        operations.emplace_back(what.operation);
        targets.push_back(what.target);
        // As a real one would: not before the loop turned.
        co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
        co_return answer(what.target);
    }

    std::vector<std::string> operations{};
    std::vector<std::string> targets{};
    std::function<api_result<api_answer>(const std::string& target)> answer{};
};

class rest_client : public testing::Test {
protected:
    template <class T>
    api_result<T> run(asio::awaitable<api_result<T>> asked) {
        asio::io_context loop;
        std::optional<api_result<T>> out;
        auto finish = [&](std::exception_ptr failure, api_result<T> result) {
            if (failure) std::rethrow_exception(failure);
            out = std::move(result);
        };
        asio::co_spawn(loop, std::move(asked), finish);
        loop.run();
        return std::move(out).value();
    }

    void answer_with(api_answer what) {
        by.answer = [what](const std::string&) { return what; };
    }

    /// Answers with a list of `total` entries, `most` on a page whatever was asked for.
    void answer_pages(
        std::size_t total, std::size_t most, bool with_count = true, bool ignore_offset = false
    ) {
        by.answer = [=](const std::string& target) -> api_result<api_answer> {
            const auto at = target.find("offset=") + 7;
            const auto offset = ignore_offset ? 0 : std::stoul(target.substr(at));
            std::string list;
            for (auto i = offset; i < std::min(total, offset + most); ++i)
                list += (list.empty() ? "{\"id\":" : ",{\"id\":") + std::to_string(i + 1) + "}";
            return data_of("[" + list + "]", with_count ? "{\"count\":" + std::to_string(total) + "}" : "[]");
        };
    }

    fake_transport by{};
    clock_at_noon clock{};
    std::unique_ptr<call_api> api = make_api(by, clock);
};

TEST_F(rest_client, greets) {
    answer_with(answered(payload("rest_greeting")));
    EXPECT_TRUE(run(api->greet()).has_value());
    EXPECT_EQ(by.targets, (std::vector<std::string>{"/api/v1/external"}));
    EXPECT_EQ(by.operations, (std::vector<std::string>{"greet"}));
}

TEST_F(rest_client, asks_for_one_call) {
    answer_with(answered(payload("rest_call")));
    EXPECT_EQ(record_in(run(api->call(11925829)).value()).key.id, 11925829);
    EXPECT_EQ(by.targets, (std::vector<std::string>{"/api/v3/external/calls/11925829"}));
    EXPECT_EQ(by.operations, (std::vector<std::string>{"call"}));
}

TEST_F(rest_client, asks_for_history) {
    answer_with(answered(payload("rest_history")));
    EXPECT_EQ(run(api->calls({})).value().records.size(), 2U);
    EXPECT_EQ(by.targets, (std::vector<std::string>{"/api/v3/external/calls/history?offset=0&limit=100"}));
    EXPECT_EQ(by.operations, (std::vector<std::string>{"history"}));
}

TEST_F(rest_client, asks_for_the_managers_of_a_widget) {
    answer_with(answered(payload("rest_managers")));
    EXPECT_EQ(run(api->managers(7)).value().size(), 3U);
    EXPECT_EQ(
        by.targets, (std::vector<std::string>{"/api/v1/external/managers/all?widget_id=7&offset=0&limit=100"})
    );
    EXPECT_EQ(by.operations, (std::vector<std::string>{"managers"}));
}

TEST_F(rest_client, pages_until_the_promised_count) {
    answer_pages(250, 100);
    const auto all = run(api->widgets()).value();
    ASSERT_EQ(all.size(), 250U);
    EXPECT_EQ(all.back().id, 250);
    EXPECT_EQ(
        by.targets,
        (std::vector<std::string>{
            "/api/v1/external/widgets/all?offset=0&limit=100",
            "/api/v1/external/widgets/all?offset=100&limit=100",
            "/api/v1/external/widgets/all?offset=200&limit=100"})
    );
    EXPECT_EQ(by.operations, (std::vector<std::string>(3, "widgets")));
}

TEST_F(rest_client, a_vendor_that_gives_less_than_was_asked_for_is_asked_on) {
    answer_pages(120, 50);
    EXPECT_EQ(run(api->users()).value().size(), 120U);
    EXPECT_EQ(by.targets.size(), 3U);
    EXPECT_EQ(by.targets.back(), "/api/v1/external/users/all?offset=100&limit=100");
    EXPECT_EQ(by.operations.front(), "users");
}

TEST_F(rest_client, without_a_count_a_short_page_is_the_last) {
    answer_pages(200, 100, false);
    EXPECT_EQ(run(api->users()).value().size(), 200U);
    EXPECT_EQ(by.targets.size(), 3U);
    by.targets.clear();
    answer_pages(30, 100, false);
    EXPECT_EQ(run(api->users()).value().size(), 30U);
    EXPECT_EQ(by.targets.size(), 1U);
}

TEST_F(rest_client, an_empty_list_takes_one_request) {
    answer_pages(0, 100);
    EXPECT_TRUE(run(api->widgets()).value().empty());
    EXPECT_EQ(by.targets.size(), 1U);
}

TEST_F(rest_client, a_vendor_that_repeats_itself_is_not_asked_for_ever) {
    answer_pages(250, 100, true, true);
    EXPECT_EQ(run(api->widgets()).value().size(), 100U);
    EXPECT_EQ(by.targets.size(), 2U);
}

TEST_F(rest_client, entries_that_shift_come_once) {
    by.answer = [this](const std::string&) -> api_result<api_answer> {
        return by.targets.size() == 1 ? data_of(R"([{"id":1},{"id":2},{"id":2}])", R"({"count":5})")
                                      : data_of(R"([{"id":2},{"id":3}])", R"({"count":5})");
    };
    const auto all = run(api->widgets()).value();
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all[2].id, 3);
}

TEST_F(rest_client, a_list_without_end_is_given_up) {
    answer_pages(1'000'000, 100);
    EXPECT_EQ(run(api->widgets()).error(), (api_failure{kind::unreadable, "a list without end", 200, {}}));
    EXPECT_EQ(by.targets.size(), most_pages);
}

TEST_F(rest_client, a_failure_on_any_page_is_the_outcome) {
    answer_pages(250, 100);
    auto pages = by.answer;
    by.answer = [this, pages](const std::string& target) -> api_result<api_answer> {
        return by.targets.size() == 2 ? api_result<api_answer>{answered("", 503, "30")} : pages(target);
    };
    const auto failed = run(api->widgets());
    ASSERT_TRUE(failed.has_error());
    EXPECT_EQ(failed.error().what, kind::throttled);
    EXPECT_EQ(failed.error().retry_after, std::chrono::seconds{30});
}

TEST_F(rest_client, a_failure_of_the_transport_passes_through) {
    const api_failure cut{kind::unreachable, "the connection was cut", 0, {}};
    by.answer = [&](const std::string&) -> api_result<api_answer> { return cut; };
    EXPECT_EQ(run(api->greet()).error(), cut);
    EXPECT_EQ(run(api->call(1)).error(), cut);
    EXPECT_EQ(run(api->calls({})).error(), cut);
    EXPECT_EQ(run(api->widgets()).error(), cut);
    EXPECT_EQ(run(api->users()).error(), cut);
    EXPECT_EQ(run(api->managers(1)).error(), cut);
}

TEST_F(rest_client, dates_in_answers_are_compared_with_the_clock) {
    answer_with(answered("", 429, "Sat, 21 Nov 2026 12:00:10 GMT"));
    EXPECT_EQ(run(api->greet()).error().retry_after, std::chrono::seconds{10});
}

std::string query_of(const call_filter& filter) {
    const std::string path{"/api/v3/external/calls/history?"};
    const auto target = history_target(filter);
    EXPECT_TRUE(target.starts_with(path));
    return target.substr(path.size());
}

TEST(rest_targets, every_filter_of_history) {
    const std::string page{"offset=0&limit=100"};
    EXPECT_EQ(
        query_of({.from = std::chrono::sys_seconds{std::chrono::seconds{1506981600}}}),
        "date_from=1506981600&" + page
    );
    EXPECT_EQ(
        query_of({.to = std::chrono::sys_seconds{std::chrono::seconds{1509227999}}}),
        "date_to=1509227999&" + page
    );
    EXPECT_EQ(
        query_of({.call_ids = {12, 9223372036854775807}}),
        "call_id%5B%5D=12&call_id%5B%5D=9223372036854775807&" + page
    );
    EXPECT_EQ(query_of({.widget_ids = {2, 3}}), "widget_ids%5B%5D=2&widget_ids%5B%5D=3&" + page);
    EXPECT_EQ(query_of({.user_ids = {2, 15}}), "user_ids%5B%5D=2&user_ids%5B%5D=15&" + page);
    EXPECT_EQ(query_of({.tag_ids = {107}}), "tag_ids%5B%5D=107&" + page);
    EXPECT_EQ(
        query_of({.incoming_number_ids = {66, 69}}),
        "incoming_number_ids%5B%5D=66&incoming_number_ids%5B%5D=69&" + page
    );
    EXPECT_EQ(
        query_of({.statuses = {"completed", "in-progress", "a&b=c d"}}),
        "statuses%5B%5D=completed&statuses%5B%5D=in-progress&statuses%5B%5D=a%26b%3Dc%20d&" + page
    );
    EXPECT_EQ(query_of({.phone_number = "+48123123123"}), "phone_number=%2B48123123123&" + page);
    EXPECT_EQ(
        query_of({.url = "https://x.pl/?a=1&b=ą#c"}),
        "url=https%3A%2F%2Fx.pl%2F%3Fa%3D1%26b%3D%C4%85%23c&" + page
    );
    EXPECT_EQ(query_of({.hidden_too = true}), "display_hidden=1&" + page);
    EXPECT_EQ(query_of({.hidden_too = false}), "display_hidden=0&" + page);
    EXPECT_EQ(query_of({.limit = 15, .offset = 30}), "offset=30&limit=15");
    EXPECT_EQ(query_of({}), page);
}

TEST(rest_targets, all_filters_together) {
    call_filter filter;
    filter.from = std::chrono::sys_seconds{std::chrono::seconds{-1}};
    filter.to = std::chrono::sys_seconds{std::chrono::seconds{0}};
    filter.call_ids = {1};
    filter.widget_ids = {2};
    filter.user_ids = {3};
    filter.tag_ids = {4};
    filter.incoming_number_ids = {5};
    filter.statuses = {"new"};
    filter.phone_number = "\r\n";
    filter.url = "u";
    filter.hidden_too = true;
    EXPECT_EQ(
        query_of(filter),
        "date_from=-1&date_to=0&call_id%5B%5D=1&widget_ids%5B%5D=2&user_ids%5B%5D=3&tag_ids%5B%5D=4&"
        "incoming_number_ids%5B%5D=5&statuses%5B%5D=new&phone_number=%0D%0A&url=u&display_hidden=1&"
        "offset=0&limit=100"
    );
}

}  // namespace
}  // namespace callhook::sources::callpage
