#include "http/network_list.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <stdexcept>

namespace callhook::http {
namespace {

struct network_case {
    std::string network;
    std::string address;
    bool inside;
};

std::ostream& operator<<(std::ostream& out, const network_case& c) {
    return out << c.address << (c.inside ? " in " : " not in ") << c.network;
}

class network_table : public testing::TestWithParam<network_case> {};

TEST_P(network_table, contains_as_expected) {
    const auto& c = GetParam();
    const network_list networks{{c.network}};
    EXPECT_EQ(networks.contains(boost::asio::ip::make_address(c.address)), c.inside);
}

INSTANTIATE_TEST_SUITE_P(
    edges,
    network_table,
    testing::Values(
        network_case{"0.0.0.0/0", "255.255.255.255", true},
        network_case{"0.0.0.0/0", "::1", false},
        network_case{"::/0", "2001:db8::1", true},
        // IPv4 is compared as IPv4-mapped IPv6, which must not make every wide IPv6 network hold all of it.
        network_case{"::/0", "192.0.2.1", false},
        network_case{"::/8", "192.0.2.1", false},
        network_case{"::/0", "::ffff:192.0.2.1", false},
        network_case{"192.0.2.4/31", "192.0.2.3", false},
        network_case{"192.0.2.4/31", "192.0.2.4", true},
        network_case{"192.0.2.4/31", "192.0.2.5", true},
        network_case{"192.0.2.4/31", "192.0.2.6", false},
        network_case{"192.0.2.4/32", "192.0.2.4", true},
        network_case{"192.0.2.4/32", "192.0.2.5", false},
        network_case{"192.0.2.4", "192.0.2.4", true},
        network_case{"192.0.2.4", "192.0.2.5", false},
        network_case{"192.0.0.0/9", "192.127.255.255", true},
        network_case{"192.0.0.0/9", "192.128.0.0", false},
        network_case{"192.0.2.77/24", "192.0.2.1", true},
        network_case{"192.0.2.0/24", "::ffff:192.0.2.9", true},
        network_case{"2001:db8::7/128", "2001:db8::7", true},
        network_case{"2001:db8::7/128", "2001:db8::6", false},
        network_case{"2001:db8::7", "2001:db8::7", true},
        network_case{"2001:db8::6/127", "2001:db8::7", true},
        network_case{"2001:db8::6/127", "2001:db8::8", false},
        network_case{"2001:db8::/33", "2001:db8:7fff::", true},
        network_case{"2001:db8::/33", "2001:db8:8000::", false},
        network_case{"fe80::/10", "fe80::1%2", true},
        network_case{"::ffff:192.0.2.0/120", "192.0.2.9", true},
        network_case{"::ffff:192.0.2.0/120", "192.0.3.9", false},
        network_case{"::ffff:192.0.2.4", "192.0.2.4", true}
    )
);

TEST(network_list, refuses_what_is_no_network) {
    for (const char* text :
         {"",
          "/",
          "/8",
          "host",
          "10.0.0.0/",
          "10.0.0.0/33",
          "10.0.0.0/-1",
          "10.0.0.0/8/8",
          "10.0.0.0/+8",
          "10.0.0.0/ 8",
          " 10.0.0.0/8",
          "10.0.0/8",
          "2001:db8::/129",
          "fe80::1%2",
          "fe80::1%2/64",
          "10.0.0.0/99999999999"}) {
        EXPECT_THROW((network_list{{std::string{text}}}), std::invalid_argument) << text;
    }
}

TEST(network_list, takes_no_address_with_something_behind_it) {
    using namespace std::string_view_literals;
    for (const auto text : {"::\0/8"sv, "::1\0"sv, "10.0.0.1\0evil.example"sv, "\0"sv}) {
        EXPECT_FALSE(parse_address(text));
        EXPECT_THROW((network_list{{std::string{text}}}), std::invalid_argument);
    }
}

TEST(network_list, without_networks_is_empty_and_holds_nothing) {
    EXPECT_TRUE(network_list{}.empty());
    EXPECT_FALSE(network_list{}.contains(boost::asio::ip::make_address("127.0.0.1")));
    EXPECT_FALSE((network_list{{"10.0.0.0/8"}}.empty()));
}

}  // namespace
}  // namespace callhook::http
