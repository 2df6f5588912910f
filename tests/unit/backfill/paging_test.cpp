#include "world.hpp"

#include <iterator>

namespace callhook::backfill {
namespace {

using namespace std::chrono_literals;
using kind = sources::api_failure::kind;

/// Pages of a history that changes, or is told oddly, while it is read.
class paging_test : public world {
protected:
    void vendor_has_many(int count) {
        for (int i = 1; i <= count; ++i)
            vendor_has(i, 1h + i * 10min);
    }
    /// Does something just before the vendor gives its second page.
    void before_second_page(std::function<void()> what) {
        api.before_page = [what = std::move(what)](int page) {
            if (page == 2) what();
        };
    }
};

TEST_F(paging_test, calls_that_go_away_do_not_hide_calls_that_slip) {
    vendor_has_many(60);
    before_second_page([this] { api.history.erase(api.history.begin(), std::next(api.history.begin(), 4)); });
    ASSERT_TRUE(sweep());
    EXPECT_EQ(appended_ids().size(), 60U);
}

TEST_F(paging_test, without_a_count_new_calls_do_not_end_it_early) {
    vendor_has_many(60);
    api.tells_count = false;
    before_second_page([this] {
        for (int i = 0; i < 9; ++i)
            vendor_has(100 + i, 30min);
    });
    ASSERT_TRUE(sweep());
    EXPECT_GE(appended_ids().size(), 60U);
}

TEST_F(paging_test, a_record_that_cannot_be_read_is_counted_once) {
    vendor_has_many(60);
    std::next(api.history.begin(), 9)->more = R"(,"to":"x")";
    const auto report = sweep();
    ASSERT_TRUE(report);
    EXPECT_EQ(report->unreadable, 1U);
}

TEST_F(paging_test, a_vendor_that_neither_counts_nor_pages_is_done_with_after_a_while) {
    vendor_has_many(5);
    api.history.front().more = R"(,"to":"x")";
    api.tells_count = false;
    api.ignores_offset = true;
    ASSERT_TRUE(sweep());
    EXPECT_LT(api.pages, 10);
}

TEST_F(paging_test, closing_between_attempts_counts_against_nobody) {
    how.retry_first = 60s;
    how.retry_longest = 60s;
    api.failures = {{kind::broken, "503", 503, {}}};
    auto r = make_reconciler();
    later(100ms, [&] { r->close(); });
    const auto report = sweep(*r, day());
    ASSERT_FALSE(report);
    EXPECT_FALSE(report.error().counts);
}

}  // namespace
}  // namespace callhook::backfill
