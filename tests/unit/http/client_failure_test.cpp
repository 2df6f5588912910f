// Servers that hang, cut, flood and lie, and a client that closes; plain HTTP but where TLS is the point.
#include "client_harness.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>

namespace callhook::http {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using client_failures = client_test;

constexpr auto patience = 120ms;

TEST_F(client_failures, a_server_that_hangs_costs_no_more_than_the_deadline) {
    const std::vector<scripted_server::script> scripts{
        [](peer& client) { client.hang(); },
        [](peer& client) { client.dribble("HTTP/1.1 200 OK\r\nX: ", 'x'); },
        [](peer& client) { client.dribble("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", 'x'); },
        [](peer& client) {
            client.dribble("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n", 'x');
        },
        [](peer& client) { client.dribble("HTTP/1.1 200 OK\r\n\r\n", 'x'); }};
    for (const bool tls : {false, true}) {
        for (const auto& script : scripts) {
            drop();
            if (tls) serve_tls(script);
            if (!tls) serve(script);
            EXPECT_THAT(failure(patience), AllOf(StartsWith("timed_out: "), EndsWith(": read: timed out")));
            EXPECT_GE(took_, patience - 5ms);
            EXPECT_LT(took_, patience + 250ms);
        }
    }
}

TEST_F(client_failures, a_server_that_does_not_read_costs_no_more_than_the_deadline) {
    serve([](peer& client) {
        std::this_thread::sleep_for(3 * patience);
        client.reset_at_end();
    });
    const auto got = send({.method = "PUT", .body = std::string(8'000'000, 'x')}, 2 * patience);
    ASSERT_TRUE(got.has_error());
    EXPECT_EQ(got.error().code, errc::timed_out);
    EXPECT_THAT(got.error().message, EndsWith(": write: timed out"));
    EXPECT_LT(took_, 2 * patience + 400ms);
}

TEST_F(client_failures, a_kept_connection_has_the_new_requests_deadline) {
    settings_.idle_timeout = 50ms;
    serve([](peer& client) {
        client.request();
        client.send(ok("x"));
        client.request();
        std::this_thread::sleep_for(100ms);
        client.send(ok("late"));
        client.hang();
    });
    EXPECT_EQ(get()->body, "x");
    EXPECT_EQ(get()->body, "late");
    EXPECT_THAT(failure(patience), StartsWith("timed_out: "));
}

TEST_F(client_failures, a_deadline_in_the_past_is_over) {
    serve(always(ok("x")));
    EXPECT_THAT(failure(-1s), AllOf(StartsWith("timed_out: "), HasSubstr("before the request began")));
    EXPECT_EQ(server_->accepted(), 0);
}

TEST_F(client_failures, a_cut_answer_is_no_answer) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "the connection ended before any answer"},
        {"HTTP/1.1 200 OK\r\nConte", "within its header"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "after 5 of 10 bytes of its body"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "before its last chunk"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "before its last chunk"},
        {"HTTP/1.1 100 Continue\r\n\r\n", "within its header"}};
    for (const bool reset : {false, true}) {
        for (const auto& [answer, says] : cases) {
            drop();
            serve([answer = answer, reset](peer& client) {
                client.request();
                client.send(answer);
                std::this_thread::sleep_for(10ms);
                if (reset) client.reset_at_end();
            });
            EXPECT_THAT(
                failure(), AllOf(StartsWith("unavailable: "), HasSubstr(": read: "), HasSubstr(says))
            );
        }
    }
    drop();
    serve([](peer& client) {
        client.request();
        client.send("HTTP/1.1 200 OK\r\n\r\nhello");
        std::this_thread::sleep_for(10ms);
        client.reset_at_end();
    });
    EXPECT_THAT(failure(), HasSubstr("without being closed properly"));
}

TEST_F(client_failures, a_large_answer_is_refused) {
    settings_.max_header = 1000;
    settings_.max_body = 10;
    const std::string head = "HTTP/1.1 200 OK\r\n";
    const std::vector<std::pair<std::string, std::string>> cases{
        // Told by what it announces: not a byte of it comes.
        {head + "Content-Length: 11\r\n\r\n", "overloaded: "},
        {head + "Transfer-Encoding: chunked\r\n\r\nb\r\n", "overloaded: "},
        {head + "Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n3\r\n", "overloaded: "},
        {head + "\r\n12345678901", "overloaded: "},
        {head + "X: " + std::string(1000, 'x') + "\r\n\r\n", "overloaded: "},
        {head + "X: " + std::string(1000, 'x'), "overloaded: "},
        {head + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(20'000, 'x'), "unavailable: "}};
    for (const auto& [answer, code] : cases) {
        drop();
        serve([answer = answer](peer& client) {
            client.request();
            client.send(answer);
            client.hang();
        });
        EXPECT_THAT(failure(), StartsWith(code)) << answer;
    }
    for (const auto& answer :
         {head + "Content-Length: 10\r\n\r\n1234567890",
          head + "Transfer-Encoding: chunked\r\n\r\na\r\n1234567890\r\n0\r\n\r\n"}) {
        drop();
        serve(always(answer));
        EXPECT_EQ(get()->body, "1234567890");
    }
}

TEST_F(client_failures, a_large_answer_ends_at_the_limit_for_who_needs_no_more) {
    settings_.max_body = 10;
    settings_.truncate_body = true;
    const std::string head = "HTTP/1.1 410 Gone\r\n";
    for (const auto& answer :
         {head + "Content-Length: 10000000000\r\n\r\n1234567890",
          head + "Content-Length: 20\r\n\r\n12345678901",
          head + "Transfer-Encoding: chunked\r\n\r\nffffff\r\n12345678901",
          head + "Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n3\r\n90x\r\n",
          head + "Transfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n",
          head + "\r\n12345678901"}) {
        drop();
        serve([answer](peer& client) {
            client.request();
            client.send(answer);
            client.hang();
        });
        for (int i = 1; i <= 2; ++i) {
            const auto got = get();
            ASSERT_TRUE(got.has_value()) << answer << got.error().message;
            EXPECT_EQ(got->status, 410U);
            EXPECT_EQ(got->body, "1234567890") << answer;
            EXPECT_EQ(server_->accepted(), i) << "its connection is of no more use";
        }
    }
    for (const auto& answer :
         {head + "Content-Length: 10\r\n\r\n1234567890",
          head + "Transfer-Encoding: chunked\r\n\r\na\r\n1234567890\r\n0\r\n\r\n"}) {
        drop();
        serve(always(answer));
        EXPECT_EQ(get()->body, "1234567890");
        EXPECT_EQ(get()->body, "1234567890");
        EXPECT_EQ(server_->accepted(), 1) << "all of it was read";
    }
    drop();
    settings_.max_body = 0;
    serve([&head](peer& client) {
        client.request();
        client.send(head + "Content-Length: 5\r\n\r\n");
        client.hang();
    });
    EXPECT_EQ(get()->status, 410U);
}

TEST_F(client_failures, chunks_of_one_byte_do_not_go_on_for_ever) {
    settings_.max_body = 100'000;
    serve([](peer& client) {
        client.request();
        client.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        const std::string chunk = "1;" + std::string(1000, 'x') + "\r\ny\r\n";
        while (client.send(chunk)) {
        }
    });
    EXPECT_THAT(failure(), StartsWith("overloaded: "));
}

TEST_F(client_failures, what_is_no_http_is_refused_at_once) {
    for (const std::string answer :
         {"SSH-2.0-OpenSSH",
          "\x15\x03\x01",
          "220 mail ESMTP\r\n",
          "\r\n",
          "HTTP/2.0 200 OK\r\n\r\n",
          "HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
          "HTTP/1.1 abc\r\n\r\n",
          "HTTP/1.1 099 Odd\r\n\r\n",
          "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"}) {
        drop();
        serve([answer = answer](peer& client) {
            client.request();
            client.send(answer);
            client.hang();
        });
        EXPECT_THAT(
            failure(), AllOf(StartsWith("unavailable: "), HasSubstr(": read: what came back is no HTTP"))
        ) << answer;
        EXPECT_LT(took_, 1s);
    }
}

TEST_F(client_failures, messages_hold_nothing_of_the_request_or_the_answer) {
    serve([](peer& client) {
        client.request();
        client.send("HTTP/1.1 200 OK\r\nX: hush\r\nContent-Length: 10\r\n\r\nhush");
    });
    const auto got = send({.target = "/hush", .fields = {{"Authorization", "hush"}}});
    ASSERT_TRUE(got.has_error());
    EXPECT_THAT(got.error().message + got.error().detail, Not(HasSubstr("hush")));
}

TEST_F(client_failures, close_ends_what_is_under_way) {
    const std::vector<scripted_server::script> scripts{
        [](peer& client) { client.hang(); },
        [](peer& client) { client.dribble("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", 'x'); }};
    for (const auto& script : scripts) {
        for (const bool destroy : {false, true}) {
            serve(script);
            open();
            std::vector<std::future<result<client_response>>> coming;
            for (int i = 0; i < 5; ++i)
                coming.push_back(start({}));
            std::this_thread::sleep_for(20ms);
            const auto begun = std::chrono::steady_clock::now();
            on_loop([&] { destroy ? client_.reset() : client_->close(); });
            for (auto& one : coming) {
                const auto got = one.get();
                ASSERT_TRUE(got.has_error());
                EXPECT_EQ(got.error().code, errc::cancelled) << got.error().message;
            }
            EXPECT_LT(std::chrono::steady_clock::now() - begun, 500ms);
            if (destroy) continue;
            EXPECT_THAT(failure(), StartsWith("cancelled: "));
        }
    }
}

TEST_F(client_failures, close_ends_a_handshake_and_a_lookup) {
    serve([](peer& client) { client.hang(); });
    settings_.origin.tls = true;
    auto coming = start({});
    std::this_thread::sleep_for(20ms);
    on_loop([&] { client_->close(); });
    EXPECT_THAT(coming.get().error().message, HasSubstr("TLS handshake: the client was closed"));

    settings_.origin = {.tls = false, .host = "localhost", .port = 1};
    open();
    coming = start({});
    drop();
    const auto got = coming.get();
    ASSERT_TRUE(got.has_error());
    // The lookup of a name in a file can be over before the close.
    EXPECT_THAT(got.error().code, testing::AnyOf(errc::cancelled, errc::unavailable));
}

TEST_F(client_failures, nothing_is_left_on_the_loop) {
    serve(always(ok("x")));
    settings_.idle_timeout = 1h;
    settings_.connect_timeout = 1h;
    EXPECT_EQ(get(1h)->body, "x");
    drop();  // the fixture's end waits until the loop has nothing to do
}

TEST_F(client_failures, a_loop_may_end_with_requests_under_way) {
    serve([](peer& client) { client.hang(); });
    auto short_loop = std::make_unique<boost::asio::io_context>();
    auto ours = std::make_unique<client>(short_loop->get_executor(), settings_);
    std::vector<std::future<result<client_response>>> coming;
    for (int i = 0; i < 3; ++i) {
        auto asked = ours->send({}, std::chrono::steady_clock::now() + 4s);
        coming.push_back(boost::asio::co_spawn(*short_loop, std::move(asked), boost::asio::use_future));
    }
    short_loop->run_for(20ms);
    ours.reset();
    short_loop.reset();
    for (auto& one : coming)
        EXPECT_THROW(one.get(), std::future_error);
}

}  // namespace
}  // namespace callhook::http
