#include "http/address_guard.hpp"

#include <gtest/gtest.h>

#include <string>

namespace callhook::http {
namespace {

boost::asio::ip::address at(const std::string& text) {
    return boost::asio::ip::make_address(text);
}

/// A network that is not public: its first and last address, and its public neighbours (empty: none).
struct special {
    const char* first;
    const char* last;
    const char* before;
    const char* after;
};

class special_network : public testing::TestWithParam<special> {};

TEST_P(special_network, is_forbidden_from_edge_to_edge_and_no_further) {
    const auto& [first, last, before, after] = GetParam();
    EXPECT_FALSE(is_public(at(first))) << first;
    EXPECT_FALSE(is_public(at(last))) << last;
    EXPECT_TRUE(*before == 0 || is_public(at(before))) << before;
    EXPECT_TRUE(*after == 0 || is_public(at(after))) << after;
}

INSTANTIATE_TEST_SUITE_P(
    ipv4,
    special_network,
    testing::Values(
        special{"0.0.0.0", "0.255.255.255", "", "1.0.0.0"},
        special{"10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"},
        special{"100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"},
        special{"127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"},
        special{"168.63.129.16", "168.63.129.16", "168.63.129.15", "168.63.129.17"},
        special{"169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"},
        special{"169.254.169.254", "169.254.170.2", "", ""},  // metadata of virtual machines, of containers
        special{"172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"},
        special{"192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"},
        special{"192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"},
        special{"192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0"},
        special{"192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"},
        special{"198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"},
        special{"198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0"},
        special{"203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0"},
        special{"224.0.0.0", "255.255.255.255", "223.255.255.255", ""}
    )
);

INSTANTIATE_TEST_SUITE_P(
    ipv6,
    special_network,
    testing::Values(
        special{"::", "::1", "", ""},
        special{"::2", "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", "", ""},
        special{"64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "", ""},  // a translator of one's own
        special{"100::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", "2000::"},
        special{"2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2000:ffff::", "2001:200::"},
        special{"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db7:ffff::", "2001:db9::"},
        special{"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3ffe:ffff::", "3fff:1000::"},
        special{"4000::", "fbff::", "3fff:ffff::", ""},
        special{"5f00::", "5f00:ffff::", "", ""},  // segment routing
        special{"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", ""},
        special{"fd00:ec2::254", "fd20:ce::254", "", ""},  // metadata
        special{"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", ""},
        special{"fe80::1%1", "fe80::a9fe:a9fe", "", ""},
        special{"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", ""},
        special{"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", ""}
    )
);

/// IPv6 addresses that carry an IPv4 one: with a public one and with one that is not.
struct carrier {
    const char* what;
    const char* with_public;  ///< of 8.8.8.8; empty where the form is never public
    const char* with_private;
};

class carrying_address : public testing::TestWithParam<carrier> {};

TEST_P(carrying_address, is_judged_by_what_it_carries) {
    const auto& [what, with_public, with_private] = GetParam();
    EXPECT_TRUE(*with_public == 0 || is_public(at(with_public))) << what << ' ' << with_public;
    EXPECT_FALSE(is_public(at(with_private))) << what << ' ' << with_private;
}

INSTANTIATE_TEST_SUITE_P(
    forms,
    carrying_address,
    testing::Values(
        carrier{"mapped", "::ffff:8.8.8.8", "::ffff:127.0.0.1"},
        carrier{"mapped", "::ffff:808:808", "::ffff:a9fe:a9fe"},
        carrier{"mapped", "::ffff:8.8.8.8", "::ffff:10.0.0.1"},
        carrier{"NAT64", "64:ff9b::8.8.8.8", "64:ff9b::127.0.0.1"},
        carrier{"NAT64", "64:ff9b::808:808", "64:ff9b::a9fe:a9fe"},
        carrier{"6to4", "2002:808:808::1", "2002:7f00:1::1"},
        carrier{"6to4", "2002:808:808::", "2002:a9fe:a9fe::"},
        carrier{"6to4", "", "2002:c0a8:101:ffff:ffff:ffff:ffff:ffff"},
        carrier{"compatible", "", "::127.0.0.1"},
        carrier{"compatible", "", "::8.8.8.8"},
        carrier{"Teredo, server and client public", "", "2001:0:808:808:0:0:f7f7:f7f7"},
        carrier{"Teredo, client on the loopback", "", "2001:0:808:808:0:0:80ff:fffe"},
        carrier{"translated, as SIIT writes it", "", "::ffff:0:127.0.0.1"}
    )
);

TEST(address_guard, lets_through_what_is_public) {
    const address_guard guard;
    for (const auto* address : {"8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"})
        EXPECT_TRUE(guard(at(address))) << address;
    for (const auto* address : {"127.0.0.1", "::1", "10.0.0.1", "::ffff:127.0.0.1"})
        EXPECT_FALSE(guard(at(address))) << address;
}

TEST(address_guard, lets_through_what_the_operator_allows_and_no_more) {
    const address_guard guard{network_list{{"10.1.0.0/16", "127.0.0.1", "fd00:1::/32"}}};
    for (const auto* address : {"10.1.2.3", "127.0.0.1", "::ffff:127.0.0.1", "fd00:1::5", "8.8.8.8"})
        EXPECT_TRUE(guard(at(address))) << address;
    for (const auto* address :
         {"10.2.0.1", "127.0.0.2", "::1", "fd00:2::1", "64:ff9b::10.1.2.3", "2002:a01:203::"})
        EXPECT_FALSE(guard(at(address))) << address;
}

}  // namespace
}  // namespace callhook::http
