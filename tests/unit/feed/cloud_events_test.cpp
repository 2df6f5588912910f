#include "feed/cloud_events.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "store/queries.hpp"

#include <gtest/gtest.h>

namespace callhook::feed {
namespace {

shared_event event(std::int64_t position, const json::object& stored) {
    store::event_row row;
    row.position = position;
    row.event = json::serialize(stored);
    return std::make_shared<const store::event_row>(std::move(row));
}

const json::object call_new{
    {"specversion", "1.0"},
    {"type", "call.new"},
    {"source", "/callhook/main"},
    {"data", {{"note", "quote \" backslash \\ line\nend \u0001 zażółć 🙂"}}},
};

/// What a reader gets for a stored event: the same with `id` and `sequence`.
json::object with_id(json::object stored, const std::string& id, const std::string& sequence) {
    stored["id"] = id;
    stored["sequence"] = sequence;
    return stored;
}

TEST(cloud_events, an_event_gets_its_id_and_sequence) {
    const auto text = render("0a1b2c3d", *event(7, call_new));
    EXPECT_EQ(
        json::parse(text),
        json::value(with_id(call_new, "0a1b2c3d.00000000000000000007", "00000000000000000007"))
    );
    EXPECT_TRUE(text.starts_with(R"({"id":"0a1b2c3d.00000000000000000007","sequence":"00000000000000000007",)"
    ));
}

TEST(cloud_events, a_batch_is_a_json_array_in_order) {
    const auto parsed = json::parse(
        render_batch("0a1b2c3d", {event(7, call_new), event(8, {{"type", "x"}}), event(9, call_new)})
    );
    ASSERT_TRUE(parsed.is_array());
    const auto& events = parsed.as_array();
    ASSERT_EQ(events.size(), 3U);
    EXPECT_EQ(
        events[0], json::value(with_id(call_new, "0a1b2c3d.00000000000000000007", "00000000000000000007"))
    );
    EXPECT_EQ(events[1].at("id").as_string(), "0a1b2c3d.00000000000000000008");
    EXPECT_EQ(events[2].at("sequence").as_string(), "00000000000000000009");
}

TEST(cloud_events, an_empty_batch_is_an_empty_array_and_no_lines_are_no_text) {
    EXPECT_EQ(render_batch("0a1b2c3d", {}), "[]");
    EXPECT_EQ(render_lines("0a1b2c3d", {}), "");
}

TEST(cloud_events, lines_hold_one_event_each) {
    const std::vector events{event(7, call_new), event(8, call_new)};
    const auto text = render_lines("0a1b2c3d", events);
    ASSERT_TRUE(text.ends_with('\n'));
    const auto lines = split(std::string_view{text}.substr(0, text.size() - 1), '\n');
    ASSERT_EQ(lines.size(), 2U);
    for (std::size_t i = 0; i < lines.size(); ++i)
        EXPECT_EQ(json::parse(lines[i]), json::parse(render("0a1b2c3d", *events[i])));
}

TEST(event_filter, takes_what_matches_every_list_that_is_not_empty) {
    store::event_row row;
    row.type = "call.new";
    row.source = "main";
    row.subject = "calls/7";
    row.event = "{}";
    const auto takes = [&](const store::event_filter& filter) { return filter.takes(row); };
    EXPECT_TRUE(takes({}));
    EXPECT_TRUE(store::event_filter{}.empty());
    EXPECT_TRUE(takes({{"call.new"}, {}, {}}));
    EXPECT_TRUE(takes({{"call.missed", "call.new"}, {"other", "main"}, {"calls/7"}}));
    EXPECT_FALSE(takes({{"call.missed"}, {}, {}}));
    EXPECT_FALSE(takes({{}, {"other"}, {}}));
    EXPECT_FALSE(takes({{}, {}, {"calls/70"}}));
    EXPECT_FALSE(takes({{"call.new"}, {"main"}, {"calls/8"}}));
    EXPECT_FALSE(takes({{"call"}, {}, {}})) << "a type is compared as a whole";
    EXPECT_FALSE(takes({{""}, {}, {}}));
    EXPECT_FALSE((store::event_filter{{}, {}, {"calls/7"}}.empty()));
    row.event.clear();
    EXPECT_FALSE(takes({})) << "erased";
}

}  // namespace
}  // namespace callhook::feed
