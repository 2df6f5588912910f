// What the server does with requests as they should not be.
#include "base/json.hpp"
#include "harness.hpp"

#include <gmock/gmock.h>

namespace callhook::http {
namespace {

using testing::HasSubstr;
using testing::Not;

class refusal : public server_test {
protected:
    /// One answer with this status, as problem+json, then the end of the connection: nothing after it was
    /// read as a request.
    void expect_last_word(std::string_view raw, unsigned status) {
        raw_client client{settings_.port};
        client.send(raw);
        const auto got = client.receive();
        EXPECT_EQ(got.status, status) << raw.substr(0, 200);
        EXPECT_EQ(got.header("content-type"), "application/problem+json");
        EXPECT_EQ(got.header("connection"), "close");
        EXPECT_EQ(json::parse(got.body).at("status").as_int64(), status);
        EXPECT_TRUE(client.closed()) << raw.substr(0, 200);
    }
};

TEST_F(refusal, smuggled_requests_never_run) {
    start();
    const std::string inner = "GET /echo?smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    const std::string post = "POST /echo HTTP/1.1\r\nHost: a\r\n";
    const std::string chunks = "0\r\n\r\n";
    const std::vector<std::string> attempts{
        post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + inner,
        post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + chunks + inner,
        post + "Transfer-Encoding: gzip\r\n\r\n" + inner,
        post + "Transfer-Encoding: chunked, identity\r\n\r\n" + inner,
        post + "Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n" + inner,
        post + "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + inner,
        post + "Transfer-Encoding:\r\n chunked\r\n\r\n" + chunks + inner,
        post + "Transfer-Encoding : chunked\r\n\r\n" + chunks + inner,
        post + "Content-Length: 0\r\nContent-Length: " + std::to_string(inner.size()) + "\r\n\r\n" + inner,
        post + "Content-Length: 0, 0\r\n\r\n" + inner,
        post + "Content-Length: +0\r\n\r\n" + inner,
        post + "Host: b\r\n\r\n" + inner,
        post + "A: b\rContent-Length: 0\r\n\r\n" + inner,
        post + "A: b\nContent-Length: 0\n\n" + inner,
        "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + inner,
        "POST /echo HTTP/1.1\r\n\r\n" + inner,
        "GET http://a/echo HTTP/1.1\r\nHost: a\r\n\r\n" + inner,
        "GET /echo HTTP/2.0\r\nHost: a\r\n\r\n" + inner,
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + inner,
        "\x16\x03\x01\x02" + inner,
        "\r\n\r\n" + inner,
        // Broken chunks: the head is fine, the body is not.
        post + "Transfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n" + chunks + inner,
        post + "Transfer-Encoding: chunked\r\n\r\n+2\r\nab\r\n" + chunks + inner,
        post + "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n" + chunks + inner,
        post + "Transfer-Encoding: chunked\r\n\r\n-1\r\nab\r\n" + chunks + inner,
        post + "Transfer-Encoding: chunked\r\n\r\n2\nab\r\n" + chunks + inner,
        post + "Transfer-Encoding: chunked\r\n\r\n11111111111111112\r\nab\r\n" + chunks + inner,
        post + "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n" + inner,
    };
    for (const auto& attempt : attempts)
        expect_last_word(attempt, 400);
    EXPECT_EQ(handled_, 0);
    EXPECT_EQ(rejected("framing") + rejected("body_framing"), static_cast<double>(attempts.size()));
}

TEST_F(refusal, nothing_of_a_refused_request_is_repeated) {
    start();
    raw_client client{settings_.port};
    client.send("POST /hooks/a/topsecret HTTP/1.1\r\nHost: a\r\nX: topsecret\x01\r\n\r\n");
    EXPECT_THAT(client.receive_all(), Not(HasSubstr("topsecret")));
    EXPECT_THAT(ask("POST /x/topsecret HTTP/1.1\r\nHost: a\r\n\r\n").body, Not(HasSubstr("topsecret")));
}

TEST_F(refusal, unknown_paths_and_methods_keep_the_connection_without_a_body) {
    start();
    raw_client client{settings_.port};
    client.send("GET /no HTTP/1.1\r\nHost: a\r\n\r\nGET /hooks/a/b HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto unknown = client.receive();
    EXPECT_EQ(unknown.status, 404U);
    EXPECT_EQ(unknown.header("content-type"), "application/problem+json");
    const auto method = client.receive();
    EXPECT_EQ(method.status, 405U);
    EXPECT_EQ(method.header("allow"), "POST");
    client.send(
        "GET /echo?on HTTP/1.1\r\nHost: a\r\nX-Deny: 1\r\n\r\nGET /echo?on HTTP/1.1\r\nHost: a\r\n\r\n"
    );
    EXPECT_EQ(client.receive().status, 403U);
    EXPECT_EQ(client.receive().body, "got on");
    expect_last_word("POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 404);
    expect_last_word(
        "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 405
    );
    expect_last_word("POST /echo HTTP/1.1\r\nHost: a\r\nX-Deny: throw\r\nContent-Length: 3\r\n\r\nabc", 500);
    expect_last_word(
        "POST /echo HTTP/1.1\r\nHost: a\r\nX-Deny: unsendable\r\nContent-Length: 3\r\n\r\nabc", 500
    );
    EXPECT_EQ(rejected("not_found"), 2);
    EXPECT_EQ(rejected("method"), 2);
    EXPECT_EQ(rejected("refused"), 1);
    EXPECT_EQ(rejected("handler_error"), 2);
}

TEST_F(refusal, a_header_over_its_limit_is_431) {
    start();
    const std::string start_of_head = "GET /echo HTTP/1.1\r\nHost: a\r\nX: ";
    const auto fitting = start_of_head + std::string(8192 - start_of_head.size() - 4, 'x') + "\r\n\r\n";
    EXPECT_EQ(ask(fitting).status, 200U);
    expect_last_word(start_of_head + std::string(8192 - start_of_head.size() - 3, 'x') + "\r\n\r\n", 431);
    expect_last_word(start_of_head + std::string(200'000, 'x'), 431);
    EXPECT_EQ(handled_, 1);
    EXPECT_EQ(rejected("header_too_large"), 2);
}

TEST_F(refusal, a_body_over_its_limit_is_413) {
    settings_.limits.max_body = 1000;
    start();
    const std::string chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    EXPECT_EQ(ask(chunked + "3e8\r\n" + std::string(1000, 'x') + "\r\n0\r\n\r\n").body.size(), 1000U);
    expect_last_word("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413);
    // Also when the client sends on without listening: it still gets the answer instead of a reset.
    expect_last_word(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + std::string(3'000'000, 'x'), 413
    );
    expect_last_word("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n", 413);
    expect_last_word(chunked + "3e9\r\n", 413);
    expect_last_word(chunked + "3e8\r\n" + std::string(1000, 'x') + "\r\n1\r\n", 413);
    expect_last_word(chunked + "ffffffffffffffff\r\n", 413);
    EXPECT_EQ(handled_, 1);
    EXPECT_EQ(rejected("body_too_large"), 6);
}

TEST_F(refusal, chunk_framing_cannot_go_on_for_ever) {
    settings_.limits.max_body = 100'000;
    start();
    const std::string chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    expect_last_word(chunked + "1;" + std::string(1'000'000, 'e'), 400);
    expect_last_word(chunked + "0\r\nX: " + std::string(1'000'000, 't'), 400);
    std::string many;
    for (int i = 0; i < 1000; ++i)
        many += "1;" + std::string(1000, 'e') + "\r\nx\r\n";
    expect_last_word(chunked + many, 413);
    EXPECT_EQ(handled_, 0);
}

TEST_F(refusal, slow_headers_and_bodies_are_408_however_they_trickle) {
    settings_.limits.header_timeout = 150ms;
    settings_.limits.body_timeout = 150ms;
    start();
    const auto trickle = [&](std::string_view head) {
        raw_client client{settings_.port};
        client.send(head);
        const auto begun = std::chrono::steady_clock::now();
        for (int i = 0; i < 20 && client.send("x"); ++i)
            std::this_thread::sleep_for(15ms);
        const auto got = client.receive();
        EXPECT_EQ(got.status, 408U);
        EXPECT_EQ(got.header("connection"), "close");
        EXPECT_TRUE(client.closed());
        EXPECT_LT(std::chrono::steady_clock::now() - begun, 2s);
    };
    trickle("GET /echo HTTP/1.1\r\nHost: ");
    trickle("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    trickle("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n");
    EXPECT_EQ(handled_, 0);
    EXPECT_EQ(rejected("header_timeout"), 1);
    EXPECT_EQ(rejected("body_timeout"), 2);
}

TEST_F(refusal, an_idle_connection_is_closed_without_a_word) {
    settings_.limits.idle_timeout = 100ms;
    start();
    raw_client silent{settings_.port};
    raw_client used{settings_.port};
    used.send("GET /echo?1 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(used.receive().status, 200U);
    EXPECT_TRUE(used.closed());
    EXPECT_TRUE(silent.closed());
}

TEST_F(refusal, a_client_that_does_not_read_is_let_go) {
    settings_.limits.write_timeout = 150ms;
    start();
    raw_client client{settings_.port};
    client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(eventually([&] { return finished_ == 1 && connections() == 0; }));
}

TEST_F(refusal, connections_over_the_cap_are_told_so) {
    settings_.limits.max_connections = 2;
    start();
    auto first = std::make_unique<raw_client>(settings_.port);
    raw_client second{settings_.port};
    EXPECT_TRUE(eventually([&] { return connections() == 2; }));
    {
        raw_client third{settings_.port};
        third.send("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
        const auto got = third.receive();
        EXPECT_EQ(got.status, 503U);
        EXPECT_EQ(got.header("retry-after"), "1");
        EXPECT_TRUE(third.closed());
    }
    EXPECT_EQ(rejected("too_many_connections"), 1);
    first.reset();
    EXPECT_TRUE(eventually([&] { return connections() == 1; }));
    EXPECT_EQ(ask("GET /echo?1 HTTP/1.1\r\nHost: a\r\n\r\n").status, 200U);
}

TEST_F(refusal, connections_of_one_address_over_its_cap_are_told_so_and_others_are_served) {
    settings_.limits.max_connections_per_address = 2;
    start();
    raw_client first{settings_.port};
    auto second = std::make_unique<raw_client>(settings_.port);
    EXPECT_TRUE(eventually([&] { return connections() == 2; }));
    for (int i = 0; i < 3; ++i) {
        raw_client third{settings_.port};
        EXPECT_EQ(third.receive().status, 503U) << "before a word of a request";
        EXPECT_TRUE(third.closed());
    }
    EXPECT_EQ(rejected("too_many_of_address"), 3);
    EXPECT_EQ(rejected("too_many_connections"), 0);
    second.reset();
    EXPECT_TRUE(eventually([&] { return connections() == 1; }));
    EXPECT_EQ(ask("GET /echo?1 HTTP/1.1\r\nHost: a\r\n\r\n").status, 200U);
}

TEST_F(refusal, exempt_peers_have_no_cap_of_their_own) {
    settings_.limits.max_connections_per_address = 1;
    settings_.uncounted = network_list{{"127.0.0.0/8"}};
    start();
    raw_client first{settings_.port};
    raw_client second{settings_.port};
    EXPECT_TRUE(eventually([&] { return connections() == 2; }));
    EXPECT_EQ(ask("GET /echo?1 HTTP/1.1\r\nHost: a\r\n\r\n").status, 200U);
}

TEST_F(refusal, bodies_over_the_common_budget_are_503) {
    settings_.limits.max_inflight_body_bytes = 100'000;
    start();
    raw_client holder{settings_.port};
    holder.send(
        "POST /sleep?300 HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + std::string(60000, 'x')
    );
    EXPECT_TRUE(eventually([&] { return handled_ == 1; }));
    const auto request =
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" + std::string(50000, 'x');
    expect_last_word(request, 503);
    expect_last_word(
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nc350\r\n" +
            std::string(50000, 'x'),
        503
    );
    EXPECT_EQ(holder.receive().status, 200U);
    EXPECT_EQ(ask(request).status, 200U);
    EXPECT_EQ(rejected("body_budget"), 2);
}

}  // namespace
}  // namespace callhook::http
