#include "http/connection_gate.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace callhook::http {
namespace {

boost::asio::ip::address at(const std::string& text) {
    return boost::asio::ip::make_address(text);
}

TEST(address_key, is_the_address_and_of_ipv6_its_network) {
    EXPECT_EQ(key_of(at("198.51.100.7")), key_of(at("::ffff:198.51.100.7")));
    EXPECT_NE(key_of(at("198.51.100.7")), key_of(at("198.51.100.8")));
    EXPECT_EQ(key_of(at("2001:db8:1:2::1")), key_of(at("2001:db8:1:2:ffff:ffff:ffff:ffff")));
    EXPECT_NE(key_of(at("2001:db8:1:2::1")), key_of(at("2001:db8:1:3::1")));
    EXPECT_EQ(key_of(at("fe80::1%2")), key_of(at("fe80::1")));
    EXPECT_NE(key_of(at("::1")), key_of(at("0.0.0.0")));
}

TEST(connection_gate, holds_the_bound_of_each_address_and_of_all) {
    connection_gate gate{{5, 2}, {}};
    std::vector<connection_gate::place> open;
    const auto enter = [&](const char* who) {
        open.push_back(gate.enter(at(who)));
        return open.back().what();
    };
    EXPECT_EQ(enter("198.51.100.1"), entry::served);
    EXPECT_EQ(enter("198.51.100.1"), entry::served);
    EXPECT_EQ(enter("198.51.100.1"), entry::crowded_by_address);
    EXPECT_EQ(enter("2001:db8::1"), entry::served);
    EXPECT_EQ(enter("2001:db8::2"), entry::served);
    EXPECT_EQ(enter("2001:db8::3"), entry::crowded_by_address);
    EXPECT_EQ(enter("198.51.100.2"), entry::served);
    EXPECT_EQ(enter("198.51.100.3"), entry::crowded) << "those that were refused took no place";
    open.clear();
    EXPECT_EQ(enter("198.51.100.1"), entry::served);
    EXPECT_EQ(enter("198.51.100.1"), entry::served);
    EXPECT_EQ(enter("198.51.100.1"), entry::crowded_by_address);
}

TEST(connection_gate, knows_no_bound_of_an_address_where_there_is_none) {
    connection_gate without{{100, 0}, {}};
    connection_gate exempting{{100, 1}, network_list{{"10.0.0.0/8"}}};
    std::vector<connection_gate::place> open;
    for (int i = 0; i < 100; ++i) {
        open.push_back(without.enter(at("198.51.100.1")));
        EXPECT_EQ(open.back().what(), entry::served);
        open.push_back(exempting.enter(at("10.1.2.3")));
        EXPECT_EQ(open.back().what(), entry::served);
    }
    EXPECT_EQ(without.enter(at("198.51.100.1")).what(), entry::crowded);
    EXPECT_EQ(exempting.enter(at("10.1.2.3")).what(), entry::crowded);
}

TEST(connection_gate, tells_so_many_at_once_that_they_are_refused) {
    connection_gate gate{{1, 0}, {}};
    const auto served = gate.enter(at("198.51.100.1"));
    std::vector<connection_gate::place> told;
    for (int i = 0; i < 64; ++i) {
        told.push_back(gate.enter(at("198.51.100.1")));
        EXPECT_EQ(told.back().what(), entry::crowded);
        EXPECT_TRUE(told.back().told());
    }
    const auto unheard = gate.enter(at("198.51.100.2"));
    EXPECT_EQ(unheard.what(), entry::crowded);
    EXPECT_FALSE(unheard.told());
    told.pop_back();
    EXPECT_TRUE(gate.enter(at("198.51.100.2")).told());
}

}  // namespace
}  // namespace callhook::http
