// How handlers fail, how clients go, and how a server opens and ends.
#include "harness.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace callhook::http {
namespace {

using testing::HasSubstr;
using testing::Not;

using lifecycle = server_test;

TEST_F(lifecycle, a_throwing_handler_is_a_500_and_no_more) {
    start();
    raw_client client{settings_.port};
    client.send("GET /throw HTTP/1.1\r\nHost: a\r\n\r\nGET /unsendable HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto got = client.receive();
    EXPECT_EQ(got.status, 500U);
    EXPECT_EQ(got.header("content-type"), "application/problem+json");
    EXPECT_THAT(got.body, Not(HasSubstr("boom")));
    const auto unsendable = client.receive();
    EXPECT_EQ(unsendable.status, 500U);
    EXPECT_EQ(unsendable.header("x-c"), "");
    client.send("GET /echo?1 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.receive().body, "got 1");
    EXPECT_EQ(rejected("handler_error"), 2);
}

TEST_F(lifecycle, a_handler_over_its_time_is_cancelled_and_the_connection_lives) {
    settings_.limits.handler_timeout = 100ms;
    start();
    raw_client client{settings_.port};
    client.send("GET /sleep?60000 HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto got = client.receive();
    EXPECT_EQ(got.status, 503U);
    EXPECT_EQ(got.header("retry-after"), "1");
    client.send("GET /sleep?5 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.receive().status, 200U);
    client.send("GET /stubborn HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.receive().body, "{\"late\":true}");
    client.send("GET /sleep?60000 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.receive().status, 503U);
    EXPECT_EQ(rejected("handler_timeout"), 2);
    EXPECT_EQ(finished_, 4);
}

TEST_F(lifecycle, clients_that_go_away_leave_nothing_behind) {
    start();
    for (const auto* raw :
         {"",
          "GET /ec",
          "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
          "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
          "GET /sleep?50 HTTP/1.1\r\nHost: a\r\n\r\n",
          "GET /big HTTP/1.1\r\nHost: a\r\n\r\n",
          "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n",
          "GET /broken-stream HTTP/1.1\r\nHost: a\r\n\r\n"}) {
        for (const bool reset : {false, true}) {
            raw_client client{settings_.port};
            client.send(raw);
            std::this_thread::sleep_for(5ms);
            if (reset) client.reset();
        }
    }
    EXPECT_TRUE(eventually([&] { return connections() == 0; }));
    EXPECT_EQ(handled_, finished_);
    EXPECT_THAT(metrics_.render(), HasSubstr("callhook_http_connections{listener=\"test\"} 0\n"));
}

TEST_F(lifecycle, a_stream_that_says_nothing_ends_when_its_client_goes) {
    start();
    for (const bool reset : {false, true}) {
        {
            raw_client client{settings_.port};
            client.send("GET /silent-stream HTTP/1.1\r\nHost: a\r\n\r\n");
            std::this_thread::sleep_for(20ms);
            EXPECT_TRUE(eventually([&] { return connections() == 1; }));
            if (reset) client.reset();
        }
        EXPECT_TRUE(eventually([&] { return connections() == 0; }));
    }
    raw_client pipelining{settings_.port};
    pipelining.send("GET /silent-stream HTTP/1.1\r\nHost: a\r\n\r\n");
    std::this_thread::sleep_for(20ms);
    pipelining.send("GET /echo?1 HTTP/1.1\r\nHost: a\r\n\r\n");
    std::this_thread::sleep_for(50ms);
    EXPECT_EQ(connections(), 1) << "who sends on is there";
}

TEST_F(lifecycle, a_half_closed_client_still_gets_its_answer) {
    start();
    raw_client client{settings_.port};
    client.send("GET /sleep?20 HTTP/1.1\r\nHost: a\r\n\r\n");
    client.finish_sending();
    EXPECT_EQ(client.receive().status, 200U);
    EXPECT_TRUE(client.closed());
}

TEST_F(lifecycle, stop_lets_requests_finish_and_closes_connections_that_have_been_idle_at_once) {
    settings_.limits.lame_duck = 20ms;
    start();
    raw_client idle{settings_.port};
    raw_client used{settings_.port};
    used.send("GET /echo?1 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(used.receive().status, 200U);
    raw_client working{settings_.port};
    working.send("GET /sleep?200 HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_client uploading{settings_.port};
    uploading.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
    EXPECT_TRUE(eventually([&] { return handled_ == 2 && connections() == 4; }));
    std::this_thread::sleep_for(40ms);
    std::thread rest{[&] {
        std::this_thread::sleep_for(50ms);
        EXPECT_TRUE(idle.closed());
        EXPECT_TRUE(used.closed());
        uploading.send("bc");
    }};
    const auto took = stop(5s);
    rest.join();
    EXPECT_GT(took, 100ms);
    EXPECT_LT(took, 3s);
    const auto got = working.receive();
    EXPECT_EQ(got.status, 200U);
    EXPECT_EQ(got.header("connection"), "close");
    EXPECT_EQ(uploading.receive().body, "abc");
    EXPECT_THROW(raw_client{settings_.port}, std::runtime_error);
}

TEST_F(lifecycle, stop_serves_a_request_that_is_on_its_way) {
    settings_.limits.lame_duck = 2s;
    start();
    raw_client silent{settings_.port};
    raw_client opened{settings_.port};
    raw_client used{settings_.port};
    used.send("GET /echo?1 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(used.receive().status, 200U);
    EXPECT_TRUE(eventually([&] { return connections() == 3; }));
    std::thread rest{[&] {
        std::this_thread::sleep_for(100ms);
        for (auto* client : {&opened, &used}) {
            client->send("GET /echo?late HTTP/1.1\r\nHost: a\r\n\r\n");
            const auto got = client->receive();
            EXPECT_EQ(got.body, "got late");
            EXPECT_EQ(got.header("connection"), "close");
            EXPECT_TRUE(client->closed());
        }
        EXPECT_TRUE(silent.closed());
    }};
    const auto took = stop(20s);
    rest.join();
    EXPECT_LT(took, 15s) << "who says nothing is let go before the deadline";
}

TEST_F(lifecycle, stop_serves_what_the_kernel_has_already_taken) {
    start();
    raw_client waiting{settings_.port};
    EXPECT_TRUE(eventually([&] { return connections() == 1; }));
    std::unique_ptr<raw_client> queued;
    on_loop([&] {
        // The loop is busy here, so both requests are in the kernel only when the stop begins.
        waiting.send("GET /echo?waiting HTTP/1.1\r\nHost: a\r\n\r\n");
        queued = std::make_unique<raw_client>(settings_.port);
        queued->send("GET /echo?queued HTTP/1.1\r\nHost: a\r\n\r\n");
        boost::asio::co_spawn(
            loop_, server_->stop(std::chrono::steady_clock::now() + 5s), boost::asio::detached
        );
    });
    EXPECT_EQ(waiting.receive().body, "got waiting");
    EXPECT_EQ(queued->receive().body, "got queued");
    EXPECT_TRUE(waiting.closed());
    EXPECT_TRUE(queued->closed());
}

TEST_F(lifecycle, stop_cancels_what_is_left_at_the_deadline) {
    start();
    raw_client working{settings_.port};
    working.send("GET /sleep?60000 HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_client half{settings_.port};
    half.send("GET /echo HT");
    EXPECT_TRUE(eventually([&] { return handled_ == 1 && connections() == 2; }));
    EXPECT_LT(stop(100ms), 2s);
    EXPECT_EQ(finished_, 1);
    EXPECT_EQ(connections(), 0);
    EXPECT_EQ(working.receive().status, 0U);
    EXPECT_LT(stop(100ms), 2s) << "again";
}

TEST_F(lifecycle, a_server_may_go_without_a_stop) {
    start();
    raw_client working{settings_.port};
    working.send("GET /sleep?60000 HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_client idle{settings_.port};
    EXPECT_TRUE(eventually([&] { return handled_ == 1 && connections() == 2; }));
    on_loop([&] { server_.reset(); });
    EXPECT_TRUE(idle.closed());
    EXPECT_EQ(working.receive().status, 0U);
    EXPECT_TRUE(eventually([&] { return finished_ == 1; }));
}

TEST_F(lifecycle, a_loop_may_go_with_connections_suspended_in_it) {
    auto loop = std::make_unique<boost::asio::io_context>();
    auto short_lived = std::make_unique<server>(*loop, settings_, routes_, metrics_);
    ASSERT_TRUE(short_lived->listen().has_value());
    short_lived->start();
    raw_client idle{short_lived->port()};
    raw_client working{short_lived->port()};
    working.send("GET /sleep?60000 HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 1000 && handled_ == 0; ++i)
        loop->run_for(5ms);
    EXPECT_EQ(short_lived->connections(), 2U);
    short_lived.reset();
    loop.reset();
    EXPECT_EQ(finished_, 1);
}

TEST(listen, says_which_address_it_cannot_have) {
    boost::asio::io_context loop;
    metrics_registry metrics;
    const router routes;
    server first{loop, {.name = "first"}, routes, metrics};
    ASSERT_TRUE(first.listen().has_value());
    server second{loop, {.port = first.port(), .name = "second"}, routes, metrics};
    const auto taken = second.listen();
    ASSERT_TRUE(taken.has_error());
    EXPECT_EQ(taken.error().code, errc::unavailable);
    EXPECT_THAT(taken.error().message, HasSubstr("127.0.0.1:" + std::to_string(first.port())));
    EXPECT_EQ(second.port(), 0);
    server third{loop, {.address = "localhost", .name = "third"}, routes, metrics};
    EXPECT_EQ(third.listen().error().code, errc::mismatch);
}

TEST_F(lifecycle, takes_over_a_listening_socket) {
    const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(listening, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    const int silent = ::dup(listening);
    server_ = std::make_unique<server>(loop_, settings_, routes_, metrics_);
    EXPECT_TRUE(server_->listen_on(silent).has_error()) << "it does not listen yet";
    ASSERT_EQ(::listen(listening, 10), 0);
    ASSERT_TRUE(server_->listen_on(listening).has_value());
    settings_.port = server_->port();
    server_->start();
    run();
    EXPECT_EQ(ask("GET /echo?1 HTTP/1.1\r\nHost: a\r\n\r\n").body, "got 1");
}

TEST_F(lifecycle, every_reason_is_in_the_metrics_from_the_start) {
    start();
    const auto text = metrics_.render();
    for (const auto* reason :
         {"framing", "header_timeout", "body_budget", "accept_error", "too_many_connections"}) {
        EXPECT_THAT(text, HasSubstr("reason=\"" + std::string{reason} + "\""));
    }
}

}  // namespace
}  // namespace callhook::http
