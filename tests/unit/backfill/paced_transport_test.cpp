#include "backfill/paced_transport.hpp"

#include "sources/retry_after.hpp"
#include "world.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace callhook::backfill {
namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;
using kind = sources::api_failure::kind;
using answer = sources::api_result<sources::api_answer>;

/// Answers from a script, and with 200 after its end.
class fake_transport final : public sources::transport {
public:
    asio::awaitable<answer> get(sources::api_request) override {
        times.push_back(steady::now());
        most_under_way = std::max(most_under_way, ++under_way);
        if (delay.count() > 0) {
            asio::steady_timer timer{co_await asio::this_coro::executor, delay};
            co_await timer.async_wait(asio::use_awaitable);
        }
        --under_way;
        if (script.empty()) co_return sources::api_answer{200, "", "{}"};
        auto next = std::move(script.front());
        script.pop_front();
        co_return next;
    }

    std::deque<answer> script;
    std::chrono::milliseconds delay{0};
    std::vector<steady::time_point> times;
    int under_way = 0;
    int most_under_way = 0;
};

answer status(unsigned code, std::string retry_after = "") {
    return sources::api_answer{code, std::move(retry_after), ""};
}
answer unreachable() {
    return sources::api_failure{kind::unreachable, "no connection", 0, {}};
}

class paced_transport_test : public world {
protected:
    paced_transport_test() {
        quick.key = "a hash";
        quick.interval = 1us;
        quick.burst = 1'000;
        quick.at_once = 4;
        quick.breaker = {3, 100ms, 400ms};
    }

    std::unique_ptr<paced_transport> make(const pace& p) {
        return std::make_unique<paced_transport>(loop.get_executor(), "main", inner, pool, p, metrics);
    }
    /// What a reader of answers makes of a status.
    static std::optional<sources::api_failure> failure_of(const sources::api_answer& a) {
        const auto wait = sources::read_retry_after(a.retry_after, utc_time{});
        const auto failure = [&](kind what) {
            return sources::api_failure{what, "answered", a.status, wait};
        };
        if (a.status == 200) return {};
        if (a.status == 401) return failure(kind::unauthorized);
        if (a.status == 403) return failure(kind::forbidden);
        if (a.status == 404) return failure(kind::not_found);
        if (a.status == 429 || (a.status == 503 && wait)) return failure(kind::throttled);
        return failure(a.status >= 500 ? kind::broken : kind::rejected);
    }
    /// Asks, reads and judges, as who asks an API does.
    asio::awaitable<answer> ask(paced_transport& way, std::string_view operation) {
        sources::api_request what{operation, "/x"};
        auto answered = co_await way.get(std::move(what));
        if (answered) {
            const auto failure = failure_of(*answered);
            co_await way.judge(operation, answered->mark, failure ? &*failure : nullptr);
        }
        co_return answered;
    }
    answer get(paced_transport& way, std::string_view operation = "history") {
        return run(ask(way, operation));
    }
    asio::awaitable<void> get_later(paced_transport& way) {
        auto answered = co_await ask(way, "history");
        got.push_back(std::move(answered));
    }
    void start(paced_transport& way, int how_many) {
        for (int i = 0; i < how_many; ++i)
            asio::co_spawn(loop, get_later(way), asio::detached);
    }
    void run_until_got(std::size_t count) {
        run_until([&] { return got.size() >= count; });
    }
    static unsigned status_of(const answer& a) { return a ? a->status : 0; }
    void expect_refused(const answer& a) {
        ASSERT_FALSE(a);
        EXPECT_EQ(a.error().what, kind::paused);
    }
    std::string metric(const std::string& line) {
        const auto text = metrics.render();
        const auto at = text.find(line);
        return at == std::string::npos ? "" : text.substr(at, text.find('\n', at) - at);
    }

    fake_transport inner;
    pace quick;
    std::vector<answer> got;
};

// The rate ------------------------------------------------------------------------------------------------

TEST_F(paced_transport_test, keeps_the_rate_over_every_window_however_many_ask) {
    auto slow = quick;
    slow.interval = 20ms;
    slow.burst = 4;
    const auto a = make(slow);
    const auto b = make(slow);  // another process with the same key
    start(*a, 12);
    start(*b, 12);
    run_until_got(24);
    for (const auto& one : got)
        EXPECT_TRUE(one);
    const auto& times = inner.times;
    ASSERT_EQ(times.size(), 24U);
    // A request may go out later than its place, and so come nearer to the next one.
    constexpr auto slack = 15ms;
    for (std::size_t i = 0; i < times.size(); ++i) {
        for (std::size_t j = i; j < times.size(); ++j) {
            const auto window = times[j] - times[i] + slack;
            EXPECT_LE(j - i + 1, 4U + static_cast<std::size_t>(window / slow.interval) + 1)
                << i << " to " << j;
        }
    }
    EXPECT_GE(times.back() - times.front(), 20 * 20ms - slack);
}

TEST_F(paced_transport_test, another_keys_rate_is_its_own) {
    auto slow = quick;
    slow.interval = 10s;
    slow.burst = 1;
    auto other = slow;
    other.key = "another hash";
    const auto a = make(slow);
    const auto b = make(other);
    EXPECT_TRUE(get(*a));
    EXPECT_TRUE(get(*b));
}

TEST_F(paced_transport_test, no_more_are_under_way_than_allowed) {
    auto two = quick;
    two.at_once = 2;
    inner.delay = 20ms;
    const auto way = make(two);
    start(*way, 7);
    run_until_got(7);
    EXPECT_EQ(inner.most_under_way, 2);
    EXPECT_EQ(inner.times.size(), 7U);
}

TEST_F(paced_transport_test, counts_requests_by_operation_and_answer) {
    const auto way = make(quick);
    inner.script = {status(200), status(404), unreachable()};
    for (int i = 0; i < 3; ++i)
        static_cast<void>(get(*way));
    for (const auto* code : {"200", "404", "unreachable"}) {
        const auto line = std::string{R"(callhook_backfill_requests_total{code=")"} + code +
                          R"(",operation="history",source="main"} 1)";
        EXPECT_EQ(metric(line), line);
    }
}

// The breaker ---------------------------------------------------------------------------------------------

TEST_F(paced_transport_test, opens_after_failures_in_a_row_tries_and_closes) {
    const auto way = make(quick);
    EXPECT_TRUE(way->ready());
    EXPECT_EQ(way->trouble(), "");
    inner.script = {status(503), status(500), status(200), status(503), unreachable(), status(502)};
    for (int i = 0; i < 5; ++i)
        static_cast<void>(get(*way));
    EXPECT_TRUE(way->ready()) << "a success in between counts from zero";
    EXPECT_EQ(status_of(get(*way)), 502U) << "what came is handed on";
    EXPECT_FALSE(way->ready());
    EXPECT_NE(way->trouble(), "");
    EXPECT_EQ(
        metric("callhook_backfill_breaker_open{"), R"(callhook_backfill_breaker_open{source="main"} 1)"
    );

    const auto asked = inner.times.size();
    expect_refused(get(*way));
    EXPECT_EQ(inner.times.size(), asked) << "nothing goes out";
    run_for(110ms);
    EXPECT_TRUE(way->ready());
    inner.script = {status(503)};
    EXPECT_EQ(status_of(get(*way)), 503U) << "the trial";
    expect_refused(get(*way));
    run_for(110ms);
    expect_refused(get(*way));  // the pause has doubled
    run_for(110ms);
    EXPECT_EQ(status_of(get(*way)), 200U);
    EXPECT_TRUE(way->ready());
    EXPECT_EQ(way->trouble(), "");
    EXPECT_EQ(
        metric("callhook_backfill_breaker_open{"), R"(callhook_backfill_breaker_open{source="main"} 0)"
    );
}

TEST_F(paced_transport_test, one_trial_goes_out_however_many_ask) {
    const auto way = make(quick);
    inner.script = {status(503), status(503), status(503)};
    for (int i = 0; i < 3; ++i)
        static_cast<void>(get(*way));
    run_for(110ms);
    inner.times.clear();
    inner.delay = 30ms;
    start(*way, 4);
    EXPECT_TRUE(way->ready());
    run_for(15ms);
    EXPECT_FALSE(way->ready()) << "while a trial is under way";
    run_until_got(4);
    EXPECT_EQ(inner.times.size(), 1U);
    EXPECT_EQ(std::count_if(got.begin(), got.end(), [](const auto& a) { return a.has_value(); }), 1);
    EXPECT_TRUE(get(*way));
}

TEST_F(paced_transport_test, a_key_that_is_refused_opens_it_too_and_says_why) {
    for (const unsigned code : {401U, 403U}) {
        const auto way = make(quick);
        inner.script.assign(3, status(code));
        for (int i = 0; i < 3; ++i)
            EXPECT_EQ(status_of(get(*way)), code);
        expect_refused(get(*way));
        EXPECT_NE(way->trouble().find("the API key"), std::string::npos) << way->trouble();
    }
}

TEST_F(paced_transport_test, other_refusals_do_not_open_it) {
    const auto way = make(quick);
    inner.script = {status(404), status(400), status(422), status(404), status(200), status(404)};
    for (int i = 0; i < 6; ++i)
        EXPECT_TRUE(get(*way));
    EXPECT_TRUE(way->ready());
}

TEST_F(paced_transport_test, a_scope_that_is_missing_for_widgets_or_one_call_is_no_trouble) {
    const auto way = make(quick);
    inner.script.assign(8, status(403));
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(status_of(get(*way, "widgets")), 403U);
        EXPECT_EQ(status_of(get(*way, "call")), 403U);
    }
    EXPECT_TRUE(way->ready());
    EXPECT_EQ(way->trouble(), "");
}

TEST_F(paced_transport_test, a_refusal_with_status_200_is_trouble_too) {
    const auto way = make(quick);
    const auto refused = [](paced_transport& w) -> asio::awaitable<bool> {
        sources::api_request what{"history", "/x"};
        auto answered = co_await w.get(std::move(what));
        const sources::api_failure said{kind::unauthorized, "hasError", 200, {}};
        if (answered) co_await w.judge("history", answered->mark, &said);
        co_return answered.has_value();
    };
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(run(refused(*way)));
    EXPECT_FALSE(run(refused(*way)));
    EXPECT_NE(way->trouble().find("the API key"), std::string::npos);
}

// Being asked to wait -------------------------------------------------------------------------------------

TEST_F(paced_transport_test, who_is_asked_to_come_back_later_does) {
    for (const unsigned code : {429U, 503U}) {
        SCOPED_TRACE(code);
        auto p = quick;
        p.key = std::to_string(code);
        const auto way = make(p);
        const auto another = make(p);
        inner.script = {status(code, "1")};
        EXPECT_EQ(status_of(get(*way)), code);
        inner.times.clear();
        const auto began = steady::now();
        EXPECT_FALSE(way->ready());
        EXPECT_NE(way->trouble(), "");
        expect_refused(get(*way));
        EXPECT_TRUE(get(*another)) << "whoever uses the key keeps to it";
        EXPECT_GE(inner.times.at(0) - began, 900ms);
        EXPECT_TRUE(get(*way));
    }
}

TEST_F(paced_transport_test, nobody_waits_long_for_a_key_that_was_held_back_elsewhere) {
    const auto way = make(quick);
    const auto another = make(quick);
    inner.script = {status(429, "60")};
    static_cast<void>(get(*way));
    const auto began = steady::now();
    expect_refused(get(*another));
    EXPECT_LT(steady::now() - began, 1s);
    EXPECT_FALSE(another->ready());
}

TEST_F(paced_transport_test, without_a_time_too_many_means_a_while_and_trouble_means_nothing) {
    const auto way = make(quick);
    inner.script = {status(503)};
    static_cast<void>(get(*way));
    EXPECT_TRUE(get(*way)) << "at once";
    inner.script = {status(429)};
    static_cast<void>(get(*way));
    EXPECT_EQ(
        db.number(
            "SELECT count(*) FROM api_paces WHERE next_at BETWEEN now() + interval '25 seconds' AND now() + "
            "interval '30 seconds'"
        ),
        1
    );
    db.exec("DELETE FROM api_paces");
    const auto another = make(quick);
    inner.script = {status(429, "999999999")};
    static_cast<void>(get(*another));
    EXPECT_EQ(db.number("SELECT count(*) FROM api_paces WHERE next_at > now() + interval '61 minutes'"), 0)
        << "but not for ever";
}

// Ending --------------------------------------------------------------------------------------------------

TEST_F(paced_transport_test, close_ends_every_wait) {
    auto slow = quick;
    slow.interval = 9s;
    slow.burst = 1;
    slow.at_once = 2;
    const auto way = make(slow);
    EXPECT_TRUE(get(*way));
    start(*way, 4);  // two wait for the rate, two for a place
    run_for(100ms);
    EXPECT_TRUE(got.empty());
    const auto closed = steady::now();
    way->close();
    run_until_got(4);
    EXPECT_LT(steady::now() - closed, 2s);
    for (const auto& one : got)
        expect_refused(one);
    EXPECT_EQ(inner.times.size(), 1U);
    expect_refused(get(*way));
    EXPECT_FALSE(way->ready());
}

TEST_F(paced_transport_test, an_answer_that_comes_after_close_is_not_looked_at) {
    inner.delay = 50ms;
    inner.script = {status(503), status(503), status(503)};
    const auto way = make(quick);
    start(*way, 3);
    run_until([&] { return inner.under_way == 3; });
    way->close();
    run_until_got(3);
    for (const auto& one : got)
        expect_refused(one);
    EXPECT_EQ(way->trouble(), "");
}

TEST_F(paced_transport_test, without_the_database_nothing_goes_out_and_the_breaker_does_not_care) {
    const auto way = make(quick);
    EXPECT_TRUE(get(*way));
    db.shut_out();
    for (int i = 0; i < 5; ++i)
        expect_refused(get(*way));
    EXPECT_EQ(inner.times.size(), 1U);
    EXPECT_TRUE(way->ready());
    db.let_in();
    EXPECT_TRUE(get(*way));
}

}  // namespace
}  // namespace callhook::backfill
