#include "store/answer_watch.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace callhook::store {
namespace {

using namespace std::chrono_literals;

/// A connection whose other side keeps it open and says nothing.
struct silent_peer {
    silent_peer() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0); }
    ~silent_peer() {
        ::close(ends[0]);
        ::close(ends[1]);
    }
    silent_peer(const silent_peer&) = delete;
    silent_peer& operator=(const silent_peer&) = delete;

    [[nodiscard]] int socket() const { return ends[0]; }
    /// Waits as libpq does; what it is told in the end.
    [[nodiscard]] ssize_t wait() const {
        char byte = 0;
        return ::recv(ends[0], &byte, 1, 0);
    }
    [[nodiscard]] bool open() const {
        char byte = 0;
        return ::recv(ends[0], &byte, 1, MSG_DONTWAIT) < 0;
    }

    std::array<int, 2> ends{};
};

TEST(answer_watch, breaks_a_connection_that_owes_an_answer_for_too_long) {
    const silent_peer peer;
    answer_watch watch{50ms};
    watch.expect(peer.socket());
    EXPECT_EQ(peer.wait(), 0) << "closed, as it is told";
    EXPECT_TRUE(watch.broke());
    watch.enough();
}

TEST(answer_watch, leaves_alone_what_owes_nothing_any_more) {
    const silent_peer peer;
    const silent_peer other;
    answer_watch watch{50ms};
    answer_watch later{100ms};
    watch.expect(peer.socket());
    watch.enough();
    later.expect(other.socket());
    EXPECT_EQ(other.wait(), 0) << "by then the first would have been broken too";
    EXPECT_TRUE(peer.open());
    EXPECT_FALSE(watch.broke());
}

TEST(answer_watch, counts_from_the_last_question) {
    const silent_peer peer;
    answer_watch watch{2s};
    const auto begun = std::chrono::steady_clock::now();
    watch.expect(peer.socket());
    std::this_thread::sleep_for(300ms);
    watch.expect(peer.socket());
    EXPECT_EQ(peer.wait(), 0);
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 2300ms);
}

TEST(answer_watch, a_sooner_debt_is_not_held_up_by_a_later_one) {
    const silent_peer slow;
    const silent_peer quick;
    answer_watch patient{1h};
    answer_watch brief{50ms};
    patient.expect(slow.socket());
    brief.expect(quick.socket());
    EXPECT_EQ(quick.wait(), 0);
    EXPECT_TRUE(slow.open());
    patient.enough();
}

}  // namespace
}  // namespace callhook::store
