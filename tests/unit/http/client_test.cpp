// What the client asks and takes, and how it keeps connections; plain HTTP.
#include "client_harness.hpp"

#include <gmock/gmock.h>

#include <arpa/inet.h>
#include <cstdlib>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace callhook::http {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using http_client = client_test;

TEST_F(http_client, sends_a_request_and_returns_the_answer) {
    std::string seen;
    serve([&seen](peer& client) {
        seen = client.request();
        client.send("HTTP/1.1 404 Not Found\r\nX-A:  b \r\nx-a: c\r\nContent-Length: 5\r\n\r\nhello");
        client.hang();
    });
    const auto got =
        send({.method = "POST", .target = "/a?b=c", .fields = {{"Authorization", "Bearer x"}}, .body = "{}"});
    ASSERT_TRUE(got.has_value()) << got.error().message;
    EXPECT_EQ(got->status, 404U);
    EXPECT_EQ(got->header("X-a"), "b");
    EXPECT_EQ(got->header("x-b"), "");
    EXPECT_EQ(got->body, "hello");
    const auto port = std::to_string(server_->port());
    server_.reset();  // waits for its threads: `seen` is theirs
    EXPECT_EQ(
        seen,
        "POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:" + port +
            "\r\nAuthorization: Bearer x\r\nContent-Length: 2\r\n\r\n{}"
    );
}

TEST_F(http_client, keeps_its_connection) {
    serve(always(ok("one")));
    for (int i = 0; i < 20; ++i)
        ASSERT_EQ(get()->body, "one");
    EXPECT_EQ(server_->accepted(), 1);
}

TEST_F(http_client, reads_chunks_in_any_portions_and_drops_trailers) {
    serve([](peer& client) {
        for (int i = 0; i < 2; ++i) {
            client.request();
            constexpr std::string_view answer =
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "5;a=b\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Trailer: y\r\n\r\n";
            for (std::size_t at = 0; at < answer.size(); ++at)
                client.send(answer.substr(at, 1));
        }
        client.hang();
    });
    for (int i = 0; i < 2; ++i) {
        const auto got = get();
        ASSERT_TRUE(got.has_value()) << got.error().message;
        EXPECT_EQ(got->body, "hello world");
        EXPECT_EQ(got->header("x-trailer"), "");
    }
    EXPECT_EQ(server_->accepted(), 1);
}

TEST_F(http_client, skips_interim_answers_but_not_for_ever) {
    std::string interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    serve(always(interim + ok("x")));
    const auto got = get();
    ASSERT_TRUE(got.has_value()) << got.error().message;
    EXPECT_EQ(got->status, 200U);
    EXPECT_EQ(got->header("link"), "");

    drop();
    for (int i = 0; i < 4; ++i)
        interim += interim;
    serve(always(interim + ok("x")));
    EXPECT_THAT(failure(), AllOf(StartsWith("unavailable: "), HasSubstr("interim")));
    drop();
    serve(always("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"));
    EXPECT_THAT(failure(), HasSubstr("nobody asked for"));
}

TEST_F(http_client, knows_which_answers_have_no_body) {
    serve([](peer& client) {
        for (std::string asked = client.request(); !asked.empty(); asked = client.request()) {
            client.send(
                asked.starts_with("HEAD /long")  ? "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
                : asked.starts_with("HEAD")      ? "HTTP/1.1 200 OK\r\n\r\n"
                : asked.starts_with("GET /none") ? "HTTP/1.1 204 No Content\r\n\r\n"
                                                 : "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"
            );
        }
    });
    EXPECT_EQ(send({.method = "HEAD", .target = "/long"})->header("content-length"), "99999999999");
    EXPECT_EQ(send({.method = "HEAD"})->status, 200U);
    EXPECT_EQ(send({.target = "/none"})->status, 204U);
    EXPECT_EQ(send({.target = "/same"})->status, 304U);
    EXPECT_EQ(server_->accepted(), 1);
}

TEST_F(http_client, does_not_reuse_where_it_must_not) {
    for (const auto& answer :
         {ok("x", "Connection: close\r\n"),
          std::string{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx"},
          ok("x") + "y",
          ok("x") + ok("smuggled")}) {
        drop();
        serve(always(answer));
        for (int i = 0; i < 3; ++i) {
            const auto got = get();
            ASSERT_TRUE(got.has_value()) << got.error().message;
            EXPECT_EQ(got->body, "x");
        }
        EXPECT_EQ(server_->accepted(), 3) << answer;
    }
}

TEST_F(http_client, reads_to_the_end_of_the_connection_where_nothing_else_tells) {
    serve([](peer& client) {
        client.request();
        client.send("HTTP/1.0 200 OK\r\n\r\nall of");
        client.send(" it");
    });
    EXPECT_EQ(get()->body, "all of it");
    EXPECT_EQ(get()->body, "all of it");
    EXPECT_EQ(server_->accepted(), 2);
}

TEST_F(http_client, replaces_a_kept_connection_that_closed_while_it_was_used) {
    serve([](peer& client) {
        client.request();
        client.send(ok("x"));
        client.request();  // and ends without an answer
        if (client.number() == 2) client.reset_at_end();
    });
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(get()->body, "x");
    EXPECT_EQ(server_->accepted(), 3);
    // Nobody knows whether the server has done what this asked.
    const auto posted = send({.method = "POST"});
    ASSERT_TRUE(posted.has_error());
    EXPECT_EQ(posted.error().code, errc::unavailable);
    EXPECT_THAT(posted.error().message, HasSubstr("before any answer"));
    EXPECT_EQ(server_->accepted(), 3);
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(send({.method = "POST", .repeatable = true})->body, "x");
    EXPECT_EQ(server_->accepted(), 5);
}

TEST_F(http_client, replaces_a_kept_connection_once_only) {
    serve([](peer& client) {
        client.request();
        if (client.number() > 1) return;
        client.send(ok("x"));
        client.request();
    });
    EXPECT_EQ(get()->body, "x");
    EXPECT_THAT(failure(), AllOf(StartsWith("unavailable: "), HasSubstr("before any answer")));
    EXPECT_EQ(server_->accepted(), 2);
}

TEST_F(http_client, sees_that_a_kept_connection_has_closed) {
    serve([](peer& client) {
        client.request();
        client.send(ok("x"));
    });
    for (int i = 1; i <= 3; ++i) {
        EXPECT_EQ(send({.method = "POST"})->body, "x");
        EXPECT_EQ(server_->accepted(), i);
        server_->wait_for_ends(i);
    }
}

TEST_F(http_client, keeps_connections_for_a_while_and_not_too_many) {
    std::atomic<int> asked{0};
    std::atomic<int> here{0};
    settings_.max_idle = 2;
    settings_.idle_timeout = 80ms;
    serve([&](peer& client) {
        ++here;
        client.request();
        // All five are asked before any is answered, so that each has a connection.
        for (++asked; asked < 5;)
            std::this_thread::sleep_for(1ms);
        client.send(ok("x"));
        client.hang();
        --here;
    });
    std::vector<std::future<result<client_response>>> coming;
    for (int i = 0; i < 5; ++i)
        coming.push_back(start({}));
    for (auto& one : coming)
        EXPECT_EQ(one.get()->body, "x");
    const auto until = std::chrono::steady_clock::now() + 3s;
    while (here > 2 && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(1ms);
    EXPECT_EQ(here, 2);
    while (here > 0 && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(1ms);
    EXPECT_EQ(here, 0);
    EXPECT_EQ(server_->accepted(), 5);
}

TEST_F(http_client, keeps_nothing_where_told_so) {
    settings_.max_idle = 0;
    std::string seen;
    serve([&seen](peer& client) {
        seen = client.request();
        client.send(ok("x"));
        client.hang();
    });
    EXPECT_EQ(get()->body, "x");
    server_->wait_for_ends(1);
    EXPECT_THAT(seen, HasSubstr("\r\nConnection: close\r\n"));
    EXPECT_EQ(get()->body, "x");
    EXPECT_EQ(server_->accepted(), 2);
}

TEST_F(http_client, sends_many_requests_at_once) {
    serve([](peer& client) {
        for (auto asked = client.request(); !asked.empty(); asked = client.request())
            client.send(ok(asked.substr(5, asked.find(' ', 5) - 5) + std::string(50'000, '.')));
    });
    std::vector<std::future<result<client_response>>> coming;
    for (int i = 0; i < 100; ++i)
        coming.push_back(start({.target = "/" + std::to_string(i)}));
    for (int i = 0; i < 100; ++i) {
        const auto got = coming[static_cast<std::size_t>(i)].get();
        ASSERT_TRUE(got.has_value()) << got.error().message;
        EXPECT_THAT(got->body, StartsWith(std::to_string(i) + "."));
        EXPECT_EQ(got->body.size(), std::to_string(i).size() + 50'000);
    }
    EXPECT_LE(server_->accepted(), 100);
}

TEST_F(http_client, takes_an_answer_to_a_body_that_the_server_does_not_want) {
    serve([](peer& client) {
        client.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        std::this_thread::sleep_for(20ms);
    });
    const auto got = send({.method = "POST", .body = std::string(8'000'000, 'x')});
    ASSERT_TRUE(got.has_value()) << got.error().message;
    EXPECT_EQ(got->status, 413U);
    EXPECT_EQ(got->body, "no");
}

TEST_F(http_client, refuses_requests_that_would_break_out) {
    serve(always(ok("x")));
    for (const auto& bad : std::vector<client_request>{
             {.target = "/a b"},
             {.target = "/a\r\nX: y"},
             {.target = "http://other/"},
             {.target = "/a#b"},
             {.target = ""},
             {.target = "*"},
             {.method = "GE T"},
             {.method = ""},
             {.method = "CONNECT"},
             {.fields = {{"X\r\nY", "z"}}},
             {.fields = {{"", "z"}}},
             {.fields = {{"X", "y\r\nZ: w"}}},
             {.fields = {{"X", std::string("y\0z", 3)}}},
             {.fields = {{"host", "elsewhere"}}},
             {.fields = {{"Content-Length", "0"}}},
             {.fields = {{"Connection", "close"}}},
             {.fields = {{"Transfer-Encoding", "chunked"}}},
         }) {
        const auto got = send(bad);
        ASSERT_TRUE(got.has_error()) << bad.target;
        EXPECT_EQ(got.error().code, errc::invalid_input);
    }
    EXPECT_EQ(server_->accepted(), 0);
    EXPECT_EQ(send({.method = "OPTIONS", .target = "*"})->status, 200U);
}

TEST_F(http_client, tries_all_addresses_of_a_name) {
    // Where localhost is ::1 too, nobody listens there.
    settings_.origin.host = "localhost";
    serve(always(ok("x")));
    const auto got = get();
    ASSERT_TRUE(got.has_value()) << got.error().message;
    EXPECT_EQ(got->body, "x");
}

TEST_F(http_client, says_that_a_name_is_not_known) {
    ::setenv("RES_OPTIONS", "timeout:1 attempts:1", 1);  // the loop's end waits for the system's lookup
    settings_.origin.host = "nowhere.invalid";
    EXPECT_THAT(failure(300ms), HasSubstr(": nowhere.invalid:1: name: "));
    EXPECT_LT(took_, 600ms);
}

TEST_F(http_client, says_that_nobody_listens) {
    serve(always(""));
    server_.reset();
    const auto port = std::to_string(settings_.origin.port);
    EXPECT_EQ(failure(), "unavailable: 127.0.0.1:" + port + ": connect: Connection refused");
}

TEST_F(http_client, gives_up_on_a_server_that_does_not_take_connections) {
    // A full backlog: the kernel does not answer.
    const auto listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof here;
    auto* const address = reinterpret_cast<sockaddr*>(&here);
    ASSERT_EQ(::bind(listener, address, size), 0);
    ASSERT_EQ(::listen(listener, 0), 0);
    ASSERT_EQ(::getsockname(listener, address, &size), 0);
    std::vector<int> fillers;
    for (int i = 0; i < 4; ++i) {
        fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
        ::connect(fillers.back(), address, size);
    }
    settings_.origin.port = ntohs(here.sin_port);
    settings_.connect_timeout = 100ms;
    const auto where = "127.0.0.1:" + std::to_string(settings_.origin.port);
    EXPECT_EQ(failure(), "timed_out: " + where + ": connect: timed out");
    EXPECT_GE(took_, 95ms);
    EXPECT_LT(took_, 500ms);
    for (const auto one : fillers)
        ::close(one);
    ::close(listener);
}

}  // namespace
}  // namespace callhook::http
