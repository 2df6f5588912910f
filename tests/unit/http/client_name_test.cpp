// How the client finds addresses, and what names cost whose servers are silent.
#include "client_harness.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>

#include <condition_variable>
#include <cstring>
#include <dlfcn.h>
#include <netdb.h>

namespace {

/// What the system's lookup does in this program.
struct silent_names {
    std::mutex mutex;
    std::condition_variable changed;
    bool silent = true;
    int asked = 0;
};

silent_names& names() {
    static auto& all = *new silent_names;
    return all;
}

}  // namespace

// Stands before the C library's own: names of silent.example have no answer for as long as the test wants.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
    if (node && std::strstr(node, "silent.example")) {
        std::unique_lock lock{names().mutex};
        ++names().asked;
        names().changed.notify_all();
        names().changed.wait(lock, [] { return !names().silent; });
        return EAI_NONAME;
    }
    using function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
    static const auto real = reinterpret_cast<function>(dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(node, service, hints, found);
}

namespace callhook::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class client_names : public client_test {
protected:
    client_names() {
        const std::lock_guard lock{names().mutex};
        names().silent = true;
        names().asked = 0;
    }
    ~client_names() override { speak(); }

    static void speak() {
        const std::lock_guard lock{names().mutex};
        names().silent = false;
        names().changed.notify_all();
    }

    static void wait_until_asked(int count) {
        std::unique_lock lock{names().mutex};
        EXPECT_TRUE(names().changed.wait_for(lock, 4s, [&] { return names().asked >= count; }));
    }

    static int asked() {
        const std::lock_guard lock{names().mutex};
        return names().asked;
    }
};

TEST_F(client_names, finds_the_addresses_of_a_name) {
    serve(always(ok("x")));
    settings_.origin.host = "localhost";
    EXPECT_EQ(get()->body, "x");
}

TEST_F(client_names, a_name_that_is_none_is_told_apart) {
    speak();
    settings_.origin.host = "silent.example";
    EXPECT_THAT(failure(), StartsWith("unavailable: silent.example:1: name: "));
}

TEST_F(client_names, a_silent_name_costs_its_own_requests_and_nobody_elses) {
    serve(always(ok("x")));
    auto silent = settings_;
    silent.origin.host = "silent.example";
    client other{loop_.get_executor(), silent};
    std::future<result<client_response>> hanging;
    on_loop([&] {
        auto asked = other.send({}, std::chrono::steady_clock::now() + 400ms);
        hanging = boost::asio::co_spawn(loop_, std::move(asked), boost::asio::use_future);
    });
    wait_until_asked(1);
    settings_.origin.host = "localhost";
    EXPECT_EQ(get()->body, "x");
    EXPECT_NE(hanging.wait_for(0s), std::future_status::ready) << "or this has shown nothing";
    const auto ended = hanging.get();
    ASSERT_TRUE(ended.has_error());
    EXPECT_EQ(ended.error().code, errc::timed_out);
    EXPECT_THAT(ended.error().message, HasSubstr(": name: "));
    on_loop([&] { other.close(); });
}

TEST_F(client_names, who_asks_for_a_name_that_is_being_looked_up_waits_for_the_same_answer) {
    settings_.origin.host = "b.silent.example";
    auto first = start({});
    wait_until_asked(1);
    EXPECT_THAT(failure(50ms), StartsWith("timed_out: "));
    auto second = start({});
    on_loop([] {});
    speak();
    EXPECT_EQ(first.get().error().code, errc::unavailable);
    EXPECT_EQ(second.get().error().code, errc::unavailable);
    EXPECT_EQ(asked(), 1);
}

TEST_F(client_names, an_end_does_not_wait_for_a_silent_name) {
    settings_.origin.host = "c.silent.example";
    auto hanging = start({});
    wait_until_asked(1);
    const auto begun = std::chrono::steady_clock::now();
    drop();
    EXPECT_EQ(hanging.get().error().code, errc::cancelled);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 1s);
}

}  // namespace
}  // namespace callhook::http
