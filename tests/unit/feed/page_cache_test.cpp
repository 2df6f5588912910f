#include "feed/page_cache.hpp"

#include <gtest/gtest.h>

namespace callhook::feed {
namespace {

const store::event_filter none{};
const store::event_filter news{{"call.new"}, {}, {}, {}};

shared_page page(
    std::int64_t after, std::int64_t read_to, const std::string& epoch = "e", std::size_t size = 10
) {
    log_page out;
    out.head.epoch = epoch;
    out.after = after;
    out.read_to = read_to;
    for (auto n = after + 1; n <= read_to; ++n) {
        store::event_row row;
        row.position = n;
        row.event.assign(size, 'x');
        out.events.push_back(std::make_shared<const store::event_row>(std::move(row)));
    }
    return std::make_shared<const log_page>(std::move(out));
}

TEST(page_cache, finds_the_page_in_which_a_position_goes_on) {
    page_cache cache{1 << 20};
    const auto first = page(0, 10);
    const auto second = page(10, 15);
    cache.put(none, first);
    cache.put(none, second);
    EXPECT_EQ(cache.find(none, "e", 0), first);
    EXPECT_EQ(cache.find(none, "e", 9), first);
    EXPECT_EQ(cache.find(none, "e", 10), second);
    EXPECT_EQ(cache.find(none, "e", 15), nullptr);
    EXPECT_EQ(cache.find(none, "f", 0), nullptr) << "another epoch";
}

TEST(page_cache, a_filter_finds_its_own_and_those_without) {
    page_cache cache{1 << 20};
    const auto filtered = page(0, 10);
    const auto whole = page(10, 20);
    cache.put(news, filtered);
    cache.put(none, whole);
    EXPECT_EQ(cache.find(news, "e", 3), filtered);
    EXPECT_EQ(cache.find(news, "e", 12), whole);
    EXPECT_EQ(cache.find(none, "e", 3), nullptr) << "what a filter left out is not there";
    EXPECT_EQ(cache.find({{"call.missed"}, {}, {}, {}}, "e", 3), nullptr);
}

TEST(page_cache, another_epoch_ends_all_pages) {
    page_cache cache{1 << 20};
    cache.put(none, page(0, 10));
    cache.put(none, page(10, 20, "f"));
    EXPECT_EQ(cache.find(none, "e", 0), nullptr);
    EXPECT_EQ(cache.find(none, "f", 0), nullptr);
    EXPECT_NE(cache.find(none, "f", 10), nullptr);
}

TEST(page_cache, is_bounded_and_what_was_not_used_for_long_goes_first) {
    page_cache cache{350'000};
    for (int i = 0; i < 3; ++i)
        cache.put(none, page(i * 10, i * 10 + 10, "e", 10'000));
    const auto most = cache.bytes();
    EXPECT_NE(cache.find(none, "e", 0), nullptr);
    cache.put(none, page(30, 40, "e", 10'000));
    EXPECT_LE(cache.bytes(), 350'000U);
    EXPECT_NE(cache.find(none, "e", 0), nullptr) << "used a moment ago";
    EXPECT_EQ(cache.find(none, "e", 10), nullptr);
    EXPECT_LE(most, 350'000U);
    for (int i = 0; i < 1'000; ++i)
        cache.put(news, page(1'000 + i * 10, 1'000 + i * 10 + 10, "e", 0));
    EXPECT_LE(cache.bytes(), 350'000U) << "pages without text count, too";
}

TEST(page_cache, one_page_larger_than_all_of_it_is_kept_alone) {
    page_cache cache{1'000};
    cache.put(none, page(0, 10, "e", 10'000));
    EXPECT_NE(cache.find(none, "e", 0), nullptr);
    cache.put(none, page(10, 20));
    EXPECT_EQ(cache.find(none, "e", 0), nullptr);
}

TEST(page_cache, a_fuller_page_takes_the_place) {
    page_cache cache{1 << 20};
    cache.put(none, page(0, 5));
    const auto bytes = cache.bytes();
    const auto fuller = page(0, 10);
    cache.put(none, fuller);
    EXPECT_EQ(cache.find(none, "e", 2), fuller);
    EXPECT_EQ(cache.bytes(), bytes + 5 * 10);
}

}  // namespace
}  // namespace callhook::feed
