#include "spool_fixture.hpp"

#include <boost/asio/post.hpp>
#include <gmock/gmock.h>

#include <csignal>
#include <fstream>
#include <numeric>
#include <random>
#include <sys/mount.h>
#include <sys/wait.h>

namespace callhook::spool {
namespace {

using testing::HasSubstr;

TEST_F(spool_test, keeps_every_field_and_the_exact_bytes) {
    open();
    std::string every_byte(256, '\0');
    std::iota(every_byte.begin(), every_byte.end(), '\0');
    std::string large(1 << 20, '\0');
    std::mt19937 random{42};
    for (char& c : large)
        c = static_cast<char>(random());
    const std::string bodies[] = {
        every_byte, "", large, std::string(1, '\0'), "{\"name\":\"zażółć 🙂\"}"};
    std::uint32_t number = 0;
    std::vector<lifecycle::delivery> given;
    for (const auto& body : bodies) {
        given.push_back(sample(++number, body));
        if (number % 2 == 0) {
            given.back().remote_address.clear();
            given.back().content_type.clear();
            given.back().from = lifecycle::origin::backfill;
        }
        ASSERT_TRUE(keep(given.back()).has_value());
    }
    const auto read = all();
    ASSERT_EQ(read.size(), given.size());
    for (std::size_t i = 0; i < given.size(); ++i) {
        EXPECT_EQ(read[i].what.id, given[i].id);
        EXPECT_EQ(read[i].what.source, given[i].source);
        EXPECT_EQ(read[i].what.from, given[i].from);
        EXPECT_EQ(read[i].what.received_at, given[i].received_at);
        EXPECT_EQ(read[i].what.remote_address, given[i].remote_address);
        EXPECT_EQ(read[i].what.content_type, given[i].content_type);
        EXPECT_EQ(read[i].what.body, given[i].body);
    }
}

TEST_F(spool_test, hands_out_the_oldest_and_forgets_what_is_removed) {
    open();
    keep_some(1, 50);
    EXPECT_EQ(box->waiting(), 50U);
    const auto some = box->oldest(10, 1 << 20);
    ASSERT_TRUE(some.has_value());
    ASSERT_EQ(some->size(), 10U);
    EXPECT_EQ(some->front().what.id, sample(1).id);
    std::vector<place> places;
    for (const auto& one : *some)
        places.push_back(one.where());
    ASSERT_TRUE(box->remove(places).has_value());
    EXPECT_EQ(box->waiting(), 40U);
    EXPECT_EQ(all().front().what.id, sample(11).id);
}

TEST_F(spool_test, hands_out_no_more_bytes_than_asked_for_but_one_of_any_size) {
    open();
    keep_some(1, 10, std::string(1'000, 'x'));
    EXPECT_EQ(box->oldest(100, 2'500)->size(), 3U);
    EXPECT_EQ(box->oldest(100, 1)->size(), 1U);
}

TEST_F(spool_test, removes_only_what_is_where_it_is_said_to_be) {
    open();
    keep_some(1, 3);
    const auto read = all();
    const auto wrong = std::vector<place>{{read[0].number, read[1].what.id}, {999, read[2].what.id}};
    ASSERT_TRUE(box->remove(wrong).has_value());
    EXPECT_EQ(box->waiting(), 3U);
}

TEST_F(spool_test, a_number_is_never_given_again) {
    open();
    keep_some(1, 3);
    const auto before = all();
    std::vector<place> places;
    for (const auto& one : before)
        places.push_back(one.where());
    ASSERT_TRUE(box->remove(places).has_value());
    keep_some(4, 1);
    EXPECT_GT(all().front().number, before.back().number);
}

TEST_F(spool_test, is_there_again_after_an_orderly_end) {
    open();
    keep_some(1, 20);
    close();
    open();
    EXPECT_TRUE(comes_true([&] { return box->waiting() == 20; }));
    EXPECT_EQ(numbers().size(), 20U);
}

/// In a child that ends without a word, and with the file open.
TEST_F(spool_test, what_was_answered_survives_a_kill) {
    int told[2];
    ASSERT_EQ(::pipe(told), 0);
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        open();
        for (std::uint32_t n = 1;; ++n) {
            if (!keep(sample(n)).has_value()) ::_exit(1);
            if (::write(told[1], &n, sizeof n) != sizeof n) ::_exit(1);
        }
    }
    std::uint32_t last = 0;
    while (last < 200)
        ASSERT_EQ(::read(told[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(told[1]);
    for (std::uint32_t more = 0; ::read(told[0], &more, sizeof more) == sizeof more;)
        last = more;
    ::close(told[0]);
    open();
    const auto kept = numbers();
    ASSERT_GE(kept.size(), last);
    for (std::uint32_t n = 1; n <= last; ++n)
        EXPECT_EQ(kept[n - 1], n);
}

TEST_F(spool_test, five_hundred_at_once_share_commits) {
    open();
    for (std::uint32_t n = 1; n <= 500; ++n)
        asio::post(loop, [this, n] {
            outcomes.emplace_back();
            auto what = std::make_shared<const lifecycle::delivery>(sample(n));
            asio::co_spawn(
                loop, append(std::move(what), steady::now() + 30s, outcomes.back()), asio::detached
            );
        });
    loop.restart();
    loop.poll();
    finish();
    EXPECT_EQ(numbers().size(), 500U);
    const auto text = metrics.render();
    EXPECT_THAT(text, HasSubstr("callhook_spooled_total 500"));
    const auto at = text.find("callhook_spool_commit_duration_seconds_count ");
    ASSERT_NE(at, std::string::npos);
    EXPECT_LT(std::atoi(text.c_str() + text.find(' ', at)), 250);
}

TEST_F(spool_test, a_full_queue_refuses_at_once) {
    how.bounds.queue_items = 4;
    begin();  // not open yet, perhaps; the queue takes them all the same
    std::size_t refused = 0;
    for (std::uint32_t n = 1; n <= 400; ++n) {
        const auto at = start(sample(n, std::string(50'000, 'x')));
        if (outcomes[at] && outcomes[at]->has_error()) {
            EXPECT_EQ(outcomes[at]->error().code, errc::overloaded);
            ++refused;
        }
    }
    finish();
    EXPECT_GT(refused, 0U);
    outcomes.clear();
    EXPECT_TRUE(keep(sample(1'000)).has_value());
}

TEST_F(spool_test, a_full_spool_refuses_and_has_room_again_once_it_is_emptied) {
    how.max_bytes = 1 << 20;
    open();
    std::uint32_t n = 0;
    result<void> last{boost::system::in_place_value};
    while ((last = keep(sample(++n, std::string(100'000, 'x')))).has_value())
        ASSERT_LT(n, 20U);
    EXPECT_EQ(last.error().code, errc::overloaded);
    EXPECT_LE(fs::file_size(file()), 1U << 20);
    while (keep(sample(++n)).has_value())
        ASSERT_LT(n, 2'000U);
    EXPECT_TRUE(comes_true([&] { return !box->usable(); }));
    EXPECT_THAT(box->trouble(), HasSubstr("full"));

    std::vector<place> places;
    for (const auto& one : all())
        places.push_back(one.where());
    ASSERT_TRUE(box->remove(places).has_value());
    EXPECT_TRUE(comes_true([&] { return box->usable(); }));
    EXPECT_TRUE(comes_true([&] { return fs::file_size(file()) < 100'000; })) << fs::file_size(file());
    EXPECT_TRUE(keep(sample(++n, std::string(100'000, 'x'))).has_value());
}

TEST_F(spool_test, leaves_the_disk_what_it_must) {
    open();
    ASSERT_TRUE(keep(sample(1)).has_value());
    close();
    how.keep_free = std::uint64_t{1} << 60;
    begin();
    const auto refused = keep(sample(2));
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, errc::overloaded);
    EXPECT_THAT(refused.error().detail, HasSubstr("nearly full"));
    EXPECT_FALSE(box->usable());
    EXPECT_EQ(numbers().size(), 1U) << "what is there can be taken out all the same";
}

TEST_F(spool_test, a_disk_that_is_full_loses_nothing_that_was_answered) {
    const auto small = directory / "small";
    fs::create_directory(small);
    if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=10m") != 0) GTEST_SKIP() << "cannot mount here";
    how.directory = (small / "spool").string();
    open();
    std::uint32_t n = 0;
    std::uint32_t refused = 0;
    while (refused < 20 && n < 1'000) {
        const auto outcome = keep(sample(++n, std::string(60'000, 'x')));
        if (outcome) continue;
        EXPECT_EQ(outcome.error().code, errc::overloaded) << outcome.error().detail;
        ++refused;
        --n;
    }
    EXPECT_EQ(refused, 20U);
    EXPECT_EQ(numbers().size(), n);
    std::vector<place> places;
    for (const auto& one : all())
        places.push_back(one.where());
    EXPECT_TRUE(box->remove(places).has_value()) << "emptying it needs room in the log";
    EXPECT_TRUE(comes_true([&] { return keep(sample(1'000, std::string(60'000, 'x'))).has_value(); }));
    close();
    EXPECT_EQ(::umount(small.c_str()), 0);
}

TEST_F(spool_test, a_second_daemon_does_not_get_the_directory) {
    open();
    local_store second{how, metrics};
    EXPECT_TRUE(comes_true([&] { return second.trouble() != "the spool is being opened"; }));
    EXPECT_FALSE(second.usable());
    EXPECT_THAT(second.trouble(), HasSubstr("another daemon has the spool directory"));
    close();
    EXPECT_TRUE(comes_true([&] { return second.usable(); })) << "it tries again by itself";
    second.stop();
}

TEST_F(spool_test, an_unusable_directory_is_tried_again) {
    std::ofstream{how.directory} << "in the way";
    begin();
    const auto refused = keep(sample(1));
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, errc::unavailable);
    EXPECT_FALSE(box->usable());
    EXPECT_THAT(box->trouble(), HasSubstr("cannot be written"));
    fs::remove(how.directory);
    EXPECT_TRUE(comes_true([&] { return box->usable(); }));
    EXPECT_TRUE(keep(sample(1)).has_value());
}

TEST_F(spool_test, is_for_its_owner_alone) {
    open();
    keep_some(1, 1);
    EXPECT_EQ(fs::status(how.directory).permissions(), fs::perms::owner_all);
    for (const auto& entry : fs::directory_iterator{how.directory})
        EXPECT_EQ(
            entry.status().permissions() & (fs::perms::group_all | fs::perms::others_all), fs::perms::none
        ) << entry.path();
}

TEST_F(spool_test, measures_what_it_holds) {
    open();
    keep_some(1, 3);
    const auto text = metrics.render();
    EXPECT_THAT(text, HasSubstr("callhook_spool_deliveries 3"));
    EXPECT_THAT(text, HasSubstr("callhook_spooled_total 3"));
    EXPECT_THAT(text, HasSubstr("callhook_spool_oldest_timestamp_seconds 1700000000"));
}

TEST_F(spool_test, stop_writes_what_is_queued_and_refuses_the_rest) {
    open();
    for (std::uint32_t n = 1; n <= 50; ++n)
        start(sample(n));
    box->stop();
    finish();
    for (const auto& outcome : outcomes)
        EXPECT_TRUE(outcome->has_value());
    outcomes.clear();
    EXPECT_EQ(keep(sample(51)).error().code, errc::overloaded);
    EXPECT_FALSE(box->usable());
    close();
    open();
    EXPECT_EQ(numbers().size(), 50U);
}

}  // namespace
}  // namespace callhook::spool
