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
    const http::network_list trusted{{"10.0.0.0/8", "127.0.0.1", "fd00::/8", "fe80::/10"}};
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

}  // namespace
}  // namespace callhook::ingest
