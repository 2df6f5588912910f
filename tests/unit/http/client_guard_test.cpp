// Which addresses the client connects to.
#include "client_harness.hpp"
#include "http/address_guard.hpp"

#include <gmock/gmock.h>

namespace callhook::http {
namespace {

using testing::AllOf;
using testing::Each;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class guarded_client : public client_test {
protected:
    guarded_client() { settings_.may_connect = address_guard{}; }

    static auto refused() {
        return AllOf(StartsWith("unavailable: "), EndsWith(": address: none that may be called"));
    }
};

TEST_F(guarded_client, refuses_a_forbidden_address_in_every_spelling_that_is_a_host) {
    serve(always(ok("x")));
    for (const auto* host : {"127.0.0.1", "::ffff:127.0.0.1", "::1", "::", "0.0.0.0", "169.254.169.254"}) {
        settings_.origin.host = host;
        drop();
        EXPECT_THAT(failure(), refused()) << host;
    }
    EXPECT_EQ(server_->accepted(), 0);
}

TEST_F(guarded_client, refuses_a_name_of_a_forbidden_address_and_does_not_tell_it) {
    serve(always(ok("x")));
    settings_.origin.host = "localhost";
    EXPECT_THAT(failure(), AllOf(refused(), StartsWith("unavailable: localhost:"), Not(HasSubstr("127."))));
    EXPECT_EQ(server_->accepted(), 0);
}

TEST_F(guarded_client, connects_to_what_the_operator_allows) {
    serve(always(ok("x")));
    settings_.may_connect = address_guard{network_list{{"127.0.0.0/8"}}};
    settings_.origin.host = "localhost";
    EXPECT_EQ(get()->body, "x");
}

// What a name means may change from one lookup to the next: that is how a name gets past a check that was
// made when it was configured.
TEST_F(guarded_client, asks_at_every_connect) {
    serve([](peer& client) {
        client.request();
        client.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    });
    settings_.origin.host = "localhost";
    std::vector<boost::asio::ip::address> asked;
    settings_.may_connect = [&](const boost::asio::ip::address& address) {
        asked.push_back(address);
        return server_->accepted() == 0;
    };
    EXPECT_EQ(get()->body, "x");
    const auto first = asked.size();
    EXPECT_GE(first, 1U);
    EXPECT_THAT(failure(), refused());
    EXPECT_EQ(asked.size(), 2 * first);
    EXPECT_THAT(asked, Each(testing::Property(&boost::asio::ip::address::is_loopback, true)));
    EXPECT_EQ(server_->accepted(), 1);
}

TEST_F(guarded_client, takes_the_allowed_ones_of_a_name_with_several) {
    serve(always(ok("x")));
    settings_.origin.host = "localhost";
    settings_.may_connect = [](const boost::asio::ip::address& address) { return address.is_v4(); };
    EXPECT_EQ(get()->body, "x");
    settings_.may_connect = [](const boost::asio::ip::address& address) { return address.is_v6(); };
    drop();
    EXPECT_THAT(failure(), StartsWith("unavailable: localhost:"));
    EXPECT_EQ(server_->accepted(), 1);
}

TEST_F(guarded_client, does_not_go_where_an_answer_points) {
    scripted_server elsewhere{always(ok("secret"))};
    const auto port = std::to_string(elsewhere.port());
    settings_.may_connect = address_guard{network_list{{"127.0.0.0/8"}}};
    for (const auto* status :
         {"301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"}) {
        serve(always(
            "HTTP/1.1 " + std::string{status} + "\r\nLocation: http://127.0.0.1:" + port +
            "/\r\nContent-Length: 0\r\n\r\n"
        ));
        drop();
        EXPECT_EQ(
            send({.method = "POST", .body = "x"})->header("location"), "http://127.0.0.1:" + port + "/"
        );
    }
    EXPECT_EQ(elsewhere.accepted(), 0);
}

}  // namespace
}  // namespace callhook::http
