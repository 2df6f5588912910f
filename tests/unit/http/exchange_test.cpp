// What the server does with requests as they should be.
#include "harness.hpp"

#include <gmock/gmock.h>

namespace callhook::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

using exchange = server_test;

TEST_F(exchange, answers_with_the_standing_fields) {
    start();
    const auto got = ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_EQ(got.status, 200U);
    EXPECT_EQ(got.body, "hello");
    EXPECT_EQ(got.header("content-length"), "5");
    EXPECT_EQ(got.header("server"), "callhook");
    EXPECT_EQ(got.header("cache-control"), "no-store");
    EXPECT_EQ(got.header("content-type"), "text/plain");
    EXPECT_EQ(got.header("connection"), "");
    EXPECT_THAT(
        got.header("date"), MatchesRegex("[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT")
    );
    EXPECT_EQ(got.header("x-peer"), "127.0.0.1");
    EXPECT_TRUE(padded_);
}

TEST_F(exchange, hands_over_path_parameters_and_the_pattern) {
    start();
    const auto got =
        ask("POST /hooks/call%20page/secret?x=y HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(got.body, "call page /hooks/{source}/{secret}");
}

TEST_F(exchange, keeps_the_connection_and_takes_an_empty_line_between_requests) {
    start();
    raw_client client{settings_.port};
    for (int i = 0; i < 50; ++i) {
        const auto text = std::to_string(i);
        client.send((i % 2 ? "\r\n" : "") + ("GET /echo?" + text) + " HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(client.receive().body, "got " + text);
    }
    EXPECT_EQ(handled_, 50);
    EXPECT_EQ(connections(), 1);
    client.send("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(client.receive().header("connection"), "close");
    EXPECT_TRUE(client.closed());
    EXPECT_TRUE(eventually([&] { return connections() == 0; }));
}

TEST_F(exchange, answers_pipelined_requests_in_order) {
    start();
    raw_client client{settings_.port};
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
        "GET /sleep?20 HTTP/1.1\r\nHost: a\r\n\r\n"
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
        "GET /echo?three HTTP/1.1\r\nHost: a\r\n\r\n"
    );
    EXPECT_EQ(client.receive().body, "one");
    EXPECT_EQ(client.receive().body, "{}");
    EXPECT_EQ(client.receive().body, "two");
    EXPECT_EQ(client.receive().body, "got three");
    EXPECT_EQ(handled_, 4);
}

TEST_F(exchange, many_pipelined_requests_larger_than_the_buffer) {
    start();
    raw_client client{settings_.port};
    std::string all;
    for (int i = 0; i < 500; ++i) {
        all += "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'x');
    }
    client.send(all);
    for (int i = 0; i < 500; ++i)
        ASSERT_EQ(client.receive().body.size(), 100U) << i;
    EXPECT_EQ(handled_, 500);
}

TEST_F(exchange, takes_a_request_byte_by_byte) {
    start();
    raw_client client{settings_.port};
    const std::string_view chunked =
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3;ext=\"a;b\"\r\nabc\r\n0002\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n";
    const std::string_view sized = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde";
    for (const auto request : {chunked, sized}) {
        for (const char byte : request) {
            client.send({&byte, 1});
            std::this_thread::sleep_for(100us);
        }
        EXPECT_EQ(client.receive().body, "abcde");
    }
}

TEST_F(exchange, a_trailer_is_no_header) {
    start();
    const auto got =
        ask("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Trailer: "
            "evil\r\n\r\n");
    EXPECT_EQ(got.body, "abc");
    EXPECT_EQ(got.header("x-trailer-seen"), "");
    EXPECT_EQ(got.header("x-fields"), "2");
}

TEST_F(exchange, takes_large_bodies_either_way) {
    start();
    const std::string body(1 << 20, 'x');
    raw_client client{settings_.port};
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body
    );
    EXPECT_EQ(client.receive().body, body);
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (std::size_t at = 0; at < body.size(); at += 4096)
        client.send("1000\r\n" + body.substr(at, 4096) + "\r\n");
    client.send("0\r\n\r\nGET /echo?next HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.receive().body, body);
    EXPECT_EQ(client.receive().body, "got next");
    EXPECT_TRUE(padded_);
}

TEST_F(exchange, sends_an_answer_larger_than_the_socket_buffers) {
    start();
    EXPECT_EQ(ask("GET /big HTTP/1.1\r\nHost: a\r\n\r\n").body.size(), 20'000'000U);
}

TEST_F(exchange, says_100_only_to_a_request_that_it_will_read) {
    start();
    raw_client client{settings_.port};
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n");
    EXPECT_EQ(client.receive().status, 100U);
    client.send("abc");
    EXPECT_EQ(client.receive().body, "abc");

    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\nX-Deny: 1\r\n\r\n"
    );
    EXPECT_EQ(client.receive().status, 403U);
    EXPECT_TRUE(client.closed());

    EXPECT_EQ(
        ask("POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").status, 404U
    );
    EXPECT_EQ(
        ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: cake\r\n\r\nabc").status, 417U
    );
    EXPECT_EQ(ask("POST /echo HTTP/1.0\r\nContent-Length: 3\r\nExpect: cake\r\n\r\nabc").body, "abc");
    EXPECT_EQ(handled_, 2);
    EXPECT_EQ(rejected("expectation"), 1);
    EXPECT_EQ(rejected("refused"), 1);
}

TEST_F(exchange, speaks_http_1_0) {
    start();
    raw_client client{settings_.port};
    client.send("GET /echo?1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const auto kept = client.receive();
    EXPECT_EQ(kept.body, "got 1");
    EXPECT_EQ(kept.header("connection"), "keep-alive");
    client.send("GET /echo?2 HTTP/1.0\r\n\r\n");
    const auto last = client.receive();
    EXPECT_EQ(last.body, "got 2");
    EXPECT_EQ(last.header("connection"), "close");
    EXPECT_TRUE(client.closed());
}

TEST_F(exchange, head_has_the_length_and_no_body) {
    start();
    raw_client client{settings_.port};
    client.send("HEAD /echo?abc HTTP/1.1\r\nHost: a\r\n\r\nHEAD /no HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto got = client.receive(false);
    EXPECT_EQ(got.status, 200U);
    EXPECT_EQ(got.header("content-length"), "7");
    EXPECT_EQ(client.receive(false).status, 404U);
    client.send("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\nGET /echo?1 HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto nothing = client.receive();
    EXPECT_EQ(nothing.status, 204U);
    EXPECT_EQ(nothing.header("content-length"), "");
    EXPECT_EQ(client.receive().body, "got 1");
}

TEST_F(exchange, an_endpoint_can_end_the_connection) {
    start();
    raw_client client{settings_.port};
    client.send("GET /bye HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.receive().header("connection"), "close");
    EXPECT_TRUE(client.closed());
}

TEST_F(exchange, streams_in_chunks_on_1_1_and_to_the_end_on_1_0) {
    start();
    const std::string big(3'000'000, 'x');
    raw_client client{settings_.port};
    client.send(
        "GET /stream HTTP/1.1\r\nHost: a\r\n\r\nGET /echo?1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    );
    const auto all = client.receive_all();
    EXPECT_THAT(all, HasSubstr("Transfer-Encoding: chunked\r\n"));
    EXPECT_THAT(
        all, HasSubstr("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n2dc6c0\r\n" + big + "\r\n0\r\n\r\nHTTP/1.1 200 OK")
    );
    EXPECT_THAT(all, EndsWith("got 1"));

    raw_client old{settings_.port};
    old.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const auto plain = old.receive_all();
    EXPECT_THAT(plain, HasSubstr("Connection: close\r\n"));
    EXPECT_THAT(plain, Not(HasSubstr("chunked")));
    EXPECT_THAT(plain, EndsWith("\r\n\r\nonetwo" + big));

    raw_client broken{settings_.port};
    broken.send("GET /broken-stream HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_THAT(broken.receive_all(), EndsWith("3\r\none\r\n"));
    raw_client head{settings_.port};
    head.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(head.receive(false).status, 200U);
}

}  // namespace
}  // namespace callhook::http
