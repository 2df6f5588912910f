// Whom the client believes.
#include "client_certificates.hpp"
#include "client_harness.hpp"

#include <gmock/gmock.h>

namespace callhook::http {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class tls_client : public client_test {
protected:
    /// What happens with a server that shows this.
    std::string verdict(std::shared_ptr<SSL_CTX> tls) {
        serve_tls(always(ok("x")), std::move(tls));
        settings_.ca_file = file_.path();
        drop();
        return failure();
    }

    static auto fails_as(const std::string& step_and_reason) {
        return AllOf(StartsWith("unavailable: "), EndsWith(": " + step_and_reason));
    }

    const identity authority_ = make_identity({.name = "authority", .authority = true});
    const identity other_ = make_identity({.name = "other authority", .authority = true});
    const pem_file file_{authority_};
};

TEST_F(tls_client, asks_over_tls_and_keeps_the_connection) {
    serve_tls(always(ok(std::string(100'000, 'x'))));
    for (int i = 0; i < 10; ++i) {
        const auto got = send({.method = "POST", .body = std::string(100'000, 'y')});
        ASSERT_TRUE(got.has_value()) << got.error().message;
        EXPECT_EQ(got->body.size(), 100'000U);
    }
    EXPECT_EQ(server_->accepted(), 1);
}

TEST_F(tls_client, names_the_host_but_not_an_address) {
    std::string name;
    const auto tell = [&name](peer& client) {
        name = client.server_name();
        client.request();
        client.send(ok("x"));
    };
    serve_tls(tell);
    EXPECT_EQ(get()->body, "x");
    server_->wait_for_ends(1);
    EXPECT_EQ(name, "");
    settings_.origin.host = "localhost";
    drop();
    EXPECT_EQ(get()->body, "x");
    server_->wait_for_ends(2);
    EXPECT_EQ(name, "localhost");
}

TEST_F(tls_client, many_requests_at_once) {
    serve_tls(always(ok(std::string(40'000, 'x'))));
    std::vector<std::future<result<client_response>>> coming;
    for (int i = 0; i < 30; ++i)
        coming.push_back(start({}));
    for (auto& one : coming)
        EXPECT_EQ(one.get()->body.size(), 40'000U);
}

TEST_F(tls_client, believes_no_certificate_of_another_name) {
    const auto named = make_identity({.alternative_names = "DNS:other.example,IP:127.0.0.2"}, &authority_);
    EXPECT_THAT(verdict(server_tls(named)), fails_as("certificate: IP address mismatch"));
    settings_.origin.host = "localhost";
    EXPECT_THAT(verdict(server_tls(named)), fails_as("certificate: hostname mismatch"));
    const auto partial = make_identity({.alternative_names = "DNS:local*"}, &authority_);
    EXPECT_THAT(verdict(server_tls(partial)), fails_as("certificate: hostname mismatch"));
}

TEST_F(tls_client, believes_no_certificate_of_another_authority) {
    const auto leaf = make_identity({.alternative_names = "IP:127.0.0.1"}, &other_);
    EXPECT_THAT(verdict(server_tls(leaf)), fails_as("certificate: unable to get local issuer certificate"));
    EXPECT_THAT(
        verdict(server_tls(leaf, &other_)),
        AllOf(HasSubstr(": certificate: self"), EndsWith("signed certificate in certificate chain"))
    );
    const auto alone = make_identity({.alternative_names = "IP:127.0.0.1"});
    EXPECT_THAT(
        verdict(server_tls(alone)), AllOf(HasSubstr(": certificate: self"), EndsWith("signed certificate"))
    );
    EXPECT_EQ(server_->accepted(), 1);  // no second try
}

TEST_F(tls_client, believes_the_systems_authorities_without_a_file) {
    serve_tls(always(ok("x")));
    settings_.ca_file.clear();
    EXPECT_THAT(failure(), HasSubstr(": certificate: "));
}

TEST_F(tls_client, believes_no_certificate_out_of_its_time) {
    const auto past = make_identity(
        {.alternative_names = "IP:127.0.0.1", .valid_from = -7200, .valid_until = -3600}, &authority_
    );
    EXPECT_THAT(verdict(server_tls(past)), fails_as("certificate: certificate has expired"));
    const auto future = make_identity(
        {.alternative_names = "IP:127.0.0.1", .valid_from = 3600, .valid_until = 7200}, &authority_
    );
    EXPECT_THAT(verdict(server_tls(future)), fails_as("certificate: certificate is not yet valid"));
}

TEST_F(tls_client, speaks_1_2_and_nothing_older) {
    const auto leaf = make_identity({.alternative_names = "IP:127.0.0.1"}, &authority_);
    auto old = server_tls(leaf);
    SSL_CTX_set_security_level(old.get(), 0);
    SSL_CTX_set_min_proto_version(old.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(old.get(), TLS1_1_VERSION);
    EXPECT_THAT(verdict(old), AllOf(StartsWith("unavailable: "), HasSubstr(": TLS handshake: ")));
    auto fine = server_tls(leaf);
    SSL_CTX_set_max_proto_version(fine.get(), TLS1_2_VERSION);
    EXPECT_EQ(verdict(fine), "no failure but 200");
}

TEST_F(tls_client, a_server_without_tls_is_told_apart) {
    serve([](peer& client) {
        client.request();
        client.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    settings_.origin.tls = true;
    settings_.ca_file = file_.path();
    EXPECT_THAT(failure(150ms), AnyOf(HasSubstr(": TLS handshake: "), StartsWith("timed_out: ")));
    drop();
    serve([](peer& client) {
        client.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        client.hang();
    });
    EXPECT_THAT(failure(), AllOf(StartsWith("unavailable: "), HasSubstr(": TLS handshake: ")));
    drop();
    serve([](peer&) {});
    EXPECT_THAT(failure(), AllOf(StartsWith("unavailable: "), HasSubstr(": TLS handshake: ")));
}

TEST_F(tls_client, a_server_that_accepts_and_is_silent_costs_the_connect_timeout) {
    serve([](peer& client) { client.hang(); });
    settings_.origin.tls = true;
    settings_.ca_file = file_.path();
    settings_.connect_timeout = 100ms;
    EXPECT_EQ(
        failure(), "timed_out: 127.0.0.1:" + std::to_string(server_->port()) + ": TLS handshake: timed out"
    );
    EXPECT_GE(took_, 95ms);
    EXPECT_LT(took_, 400ms);
}

TEST_F(tls_client, a_missing_goodbye_cuts_only_what_ends_with_the_connection) {
    const auto answer = [](std::string_view text, bool goodbye) {
        return [text, goodbye](peer& client) {
            client.request();
            client.send(text);
            if (goodbye) client.goodbye();
        };
    };
    constexpr std::string_view sized = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    constexpr std::string_view unsized = "HTTP/1.1 200 OK\r\n\r\nhello";
    constexpr std::string_view chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    for (const bool goodbye : {false, true}) {
        serve_tls(answer(sized, goodbye));
        drop();
        EXPECT_EQ(get()->body, "hello");
        // The kept connection has ended, which the next request sees in time.
        server_->wait_for_ends(1);
        EXPECT_EQ(send({.method = "POST"})->body, "hello");
        serve_tls(answer(chunked, goodbye));
        drop();
        EXPECT_THAT(failure(), HasSubstr("before its last chunk"));
    }
    serve_tls(answer(unsized, true));
    drop();
    EXPECT_EQ(get()->body, "hello");
    serve_tls(answer(unsized, false));
    drop();
    EXPECT_THAT(failure(), AllOf(StartsWith("unavailable: "), HasSubstr("cut short")));
}

TEST_F(tls_client, bytes_after_an_answer_never_become_the_next) {
    serve_tls([](peer& client) {
        client.request();
        // Two records in one packet: the second waits inside of TLS.
        client.hold_back(true);
        client.send(ok("x"));
        client.send(ok("smuggled"));
        client.hold_back(false);
        client.hang();
    });
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(get()->body, "x");
    EXPECT_EQ(server_->accepted(), 5);
}

TEST_F(tls_client, replaces_a_kept_connection_that_closed_while_it_was_used) {
    serve_tls([](peer& client) {
        client.request();
        client.send(ok("x"));
        client.request();
        if (client.number() % 2 == 0) client.goodbye();
    });
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(get()->body, "x");
    EXPECT_EQ(server_->accepted(), 4);
}

TEST_F(tls_client, clients_can_share_authorities_that_are_loaded_already) {
    serve_tls(always(ok("x")));
    settings_.trust = std::make_shared<tls_trust>(settings_.ca_file);
    settings_.ca_file = "/nowhere/authorities.pem";  // not read
    client other{loop_.get_executor(), settings_};
    EXPECT_EQ(get()->body, "x");
    drop();
    EXPECT_EQ(get()->body, "x");
    settings_.trust = std::make_shared<tls_trust>(file_.path());
    drop();
    EXPECT_THAT(failure(), HasSubstr(": certificate: "));
}

TEST_F(tls_client, says_that_the_authorities_cannot_be_read) {
    settings_.origin.tls = true;
    settings_.ca_file = "/nowhere/authorities.pem";
    EXPECT_THROW(open(), bad_result);
    settings_.origin = {.host = "a\r\nX: y"};
    settings_.ca_file.clear();
    EXPECT_THROW(open(), bad_result);
}

}  // namespace
}  // namespace callhook::http
