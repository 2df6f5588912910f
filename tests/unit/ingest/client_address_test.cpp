#include "ingest/client_address.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace callhook::ingest {
namespace {

struct address_case {
    const char* what;
    std::string peer;
    std::vector<http::field> fields;
    std::string expected;
};

std::ostream& operator<<(std::ostream& out, const address_case& c) {
    return out << c.what;
}

http::field xff(std::string value) {
    return {"X-Forwarded-For", std::move(value)};
}
http::field forwarded(std::string value) {
    return {"Forwarded", std::move(value)};
}

class client_address_table : public testing::TestWithParam<address_case> {};

TEST_P(client_address_table, is_as_expected) {
    const auto& c = GetParam();
    http::request_head head;
    head.peer = c.peer;
    head.fields = c.fields;
    const network_list trusted{{"10.0.0.0/8", "127.0.0.1", "fd00::/8", "fe80::/10"}};
    EXPECT_EQ(client_address(head, trusted), c.expected);
}

INSTANTIATE_TEST_SUITE_P(
    peer,
    client_address_table,
    testing::Values(
        address_case{"no header", "198.51.100.7", {}, "198.51.100.7"},
        address_case{"trusted without header", "10.0.0.1", {}, "10.0.0.1"},
        address_case{"spoofed X-Forwarded-For", "198.51.100.7", {xff("10.0.0.9")}, "198.51.100.7"},
        address_case{"spoofed Forwarded", "198.51.100.7", {forwarded("for=10.0.0.9")}, "198.51.100.7"},
        address_case{"IPv4-mapped peer", "::ffff:198.51.100.7", {}, "198.51.100.7"},
        address_case{"IPv4-mapped trusted peer", "::ffff:10.0.0.1", {xff("198.51.100.7")}, "198.51.100.7"},
        address_case{"IPv6 peer in one spelling", "2001:DB8:0:0::7", {}, "2001:db8::7"},
        address_case{"link-local peer loses its interface", "fe80::1%2", {}, "fe80::1"},
        address_case{"link-local proxy is trusted", "fe80::1%2", {xff("198.51.100.7")}, "198.51.100.7"},
        address_case{"no address at all", "", {xff("198.51.100.7")}, ""},
        address_case{"unreadable peer", "unix:", {xff("198.51.100.7")}, ""}
    )
);

INSTANTIATE_TEST_SUITE_P(
    x_forwarded_for,
    client_address_table,
    testing::Values(
        address_case{"one hop", "10.0.0.1", {xff("198.51.100.7")}, "198.51.100.7"},
        address_case{
            "name in another case", "10.0.0.1", {{"x-forwarded-for", "198.51.100.7"}}, "198.51.100.7"},
        address_case{
            "right-most untrusted hop", "10.0.0.1", {xff("1.1.1.1, 198.51.100.7, 10.0.0.2")}, "198.51.100.7"},
        address_case{
            "what the sender wrote is left of it",
            "10.0.0.1",
            {xff("10.9.9.9, 198.51.100.7")},
            "198.51.100.7"},
        address_case{
            "two fields are one list",
            "10.0.0.1",
            {xff("1.1.1.1"), xff("198.51.100.7,10.0.0.2")},
            "198.51.100.7"},
        address_case{"all trusted: the outermost", "10.0.0.1", {xff("10.0.0.3, 10.0.0.2")}, "10.0.0.3"},
        address_case{"port", "10.0.0.1", {xff("198.51.100.7:4711")}, "198.51.100.7"},
        address_case{"IPv6", "10.0.0.1", {xff("2001:db8::7")}, "2001:db8::7"},
        address_case{"IPv6 in brackets", "10.0.0.1", {xff("[2001:db8::7]")}, "2001:db8::7"},
        address_case{"IPv6 in brackets with a port", "10.0.0.1", {xff("[2001:db8::7]:443")}, "2001:db8::7"},
        address_case{"quotes", "10.0.0.1", {xff("\"198.51.100.7\"")}, "198.51.100.7"},
        address_case{"IPv4-mapped hop", "10.0.0.1", {xff("::ffff:198.51.100.7")}, "198.51.100.7"},
        address_case{
            "IPv4-mapped hop that is trusted", "10.0.0.1", {xff("1.1.1.1, ::ffff:10.0.0.2")}, "1.1.1.1"},
        address_case{"blanks", "10.0.0.1", {xff("  198.51.100.7\t")}, "198.51.100.7"},
        address_case{
            "garbage hop stops the walk", "10.0.0.1", {xff("198.51.100.7, nonsense, 10.0.0.2")}, "10.0.0.2"},
        address_case{"garbage next to the proxy", "10.0.0.1", {xff("198.51.100.7, nonsense")}, "10.0.0.1"},
        address_case{"empty hop stops the walk", "10.0.0.1", {xff("198.51.100.7,")}, "10.0.0.1"},
        address_case{"empty header", "10.0.0.1", {xff("")}, "10.0.0.1"},
        address_case{"hop with an interface", "10.0.0.1", {xff("fe80::1%eth0")}, "10.0.0.1"},
        address_case{"unclosed bracket", "10.0.0.1", {xff("[2001:db8::7")}, "10.0.0.1"},
        address_case{"text after the bracket", "10.0.0.1", {xff("[2001:db8::7]x")}, "10.0.0.1"},
        address_case{"port that is none", "10.0.0.1", {xff("198.51.100.7:http")}, "10.0.0.1"},
        address_case{"one quote", "10.0.0.1", {xff("\"")}, "10.0.0.1"},
        address_case{"short IPv4", "10.0.0.1", {xff("198.51.7")}, "10.0.0.1"},
        address_case{"octet too large", "10.0.0.1", {xff("198.51.100.256")}, "10.0.0.1"}
    )
);

INSTANTIATE_TEST_SUITE_P(
    forwarded,
    client_address_table,
    testing::Values(
        address_case{"one element", "10.0.0.1", {forwarded("for=198.51.100.7")}, "198.51.100.7"},
        address_case{
            "name in any case", "10.0.0.1", {forwarded("proto=https;FOR=198.51.100.7")}, "198.51.100.7"},
        address_case{
            "IPv6 as the standard writes it",
            "10.0.0.1",
            {forwarded("for=\"[2001:db8::7]:4711\";by=203.0.113.43")},
            "2001:db8::7"},
        address_case{
            "quoted IPv4 with a port", "10.0.0.1", {forwarded("for=\"198.51.100.7:80\"")}, "198.51.100.7"},
        address_case{
            "chain",
            "10.0.0.1",
            {forwarded("for=1.1.1.1, for=198.51.100.7;proto=http, for=10.0.0.2")},
            "198.51.100.7"},
        address_case{"unknown", "10.0.0.1", {forwarded("for=unknown")}, "10.0.0.1"},
        address_case{
            "obfuscated", "10.0.0.1", {forwarded("for=198.51.100.7, for=_hidden, for=10.0.0.2")}, "10.0.0.2"},
        address_case{"without for", "10.0.0.1", {forwarded("proto=https")}, "10.0.0.1"}
    )
);

INSTANTIATE_TEST_SUITE_P(
    both,
    client_address_table,
    testing::Values(
        address_case{
            "agreeing", "10.0.0.1", {xff("198.51.100.7"), forwarded("for=198.51.100.7")}, "198.51.100.7"},
        address_case{
            "agreeing in other words",
            "10.0.0.1",
            {xff("::ffff:198.51.100.7, 10.0.0.2"), forwarded("for=\"198.51.100.7:1\"")},
            "198.51.100.7"},
        address_case{
            "disagreeing: one of them was not written by the proxy",
            "10.0.0.1",
            {xff("198.51.100.7"), forwarded("for=203.0.113.9")},
            "10.0.0.1"},
        address_case{
            "one unreadable", "10.0.0.1", {xff("198.51.100.7"), forwarded("for=unknown")}, "10.0.0.1"}
    )
);

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

TEST(network_list, without_networks_is_empty_and_holds_nothing) {
    EXPECT_TRUE(network_list{}.empty());
    EXPECT_FALSE(network_list{}.contains(boost::asio::ip::make_address("127.0.0.1")));
    EXPECT_FALSE((network_list{{"10.0.0.0/8"}}.empty()));
}

}  // namespace
}  // namespace callhook::ingest
