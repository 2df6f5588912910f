#include "spool/visiting.hpp"

#include "spool_fixture.hpp"

#include <fstream>

namespace callhook::spool {
namespace {

bool anywhere(const fs::path& directory, const std::string& text) {
    for (const auto& entry : fs::directory_iterator{directory}) {
        std::ifstream in{entry.path(), std::ios::binary};
        const std::string content{std::istreambuf_iterator<char>{in}, {}};
        if (content.find(text) != std::string::npos) return true;
    }
    return false;
}

fate by_body(const lifecycle::delivery& d, bool) {
    if (d.body.find("forget me") != std::string::npos) return fate::empty;
    return d.body.find("remove me") != std::string::npos ? fate::remove : fate::keep;
}

TEST_F(spool_test, looking_needs_no_daemon) {
    EXPECT_EQ(look(how.directory).error().code, errc::not_found);
    open();
    keep_some(1, 5, "12345678");
    ASSERT_TRUE(box->set_aside(all()[0].where(), "refused").has_value());
    for (int daemon_there = 1; daemon_there >= 0; --daemon_there) {
        const auto seen = look(how.directory);
        ASSERT_TRUE(seen.has_value());
        EXPECT_EQ(seen->deliveries, 4U);
        EXPECT_EQ(seen->body_bytes, 32U);
        EXPECT_EQ(seen->damaged, 1U);
        EXPECT_EQ(seen->oldest, sample(2).received_at);
        EXPECT_TRUE(seen->corrupt_files.empty());
        close();
    }
}

TEST_F(spool_test, visiting_empties_and_removes_beside_a_daemon) {
    open();
    keep_some(1, 3, "stay");
    keep_some(4, 2, "forget me, please");
    keep_some(6, 1, "remove me, please");
    keep_some(7, 1, "forget me, too");
    ASSERT_TRUE(box->set_aside(all().back().where(), "refused").has_value());

    const auto done = visit(how.directory, by_body);
    ASSERT_TRUE(done.has_value()) << done.error().message;
    EXPECT_EQ(done->seen, 7U);
    EXPECT_EQ(done->emptied, 3U);
    EXPECT_EQ(done->removed, 1U);
    EXPECT_FALSE(anywhere(how.directory, "forget me"));
    EXPECT_FALSE(anywhere(how.directory, "remove me"));

    const auto left = all();
    ASSERT_EQ(left.size(), 5U) << "the emptied ones count as exact";
    EXPECT_EQ(left[3].what.body, "");
    EXPECT_EQ(left[3].what.remote_address, "");
    EXPECT_EQ(left[3].what.id, sample(4).id);
    EXPECT_TRUE(comes_true([&] { return box->waiting() == 5; })) << "the daemon counts anew";
}

TEST_F(spool_test, visiting_undoes_all_where_the_visitor_throws) {
    open();
    keep_some(1, 5, "forget me");
    const auto fail = [n = 0](const lifecycle::delivery&, bool) mutable {
        if (++n == 3) throw std::runtime_error{"no more"};
        return fate::remove;
    };
    EXPECT_THROW((void)visit(how.directory, fail), std::runtime_error);
    EXPECT_EQ(all().size(), 5U);
}

TEST_F(spool_test, visiting_tells_of_files_that_it_cannot_read) {
    fs::create_directory(how.directory);
    std::ofstream{file()} << std::string(10'000, 'x');
    open();
    keep_some(1, 1);
    const auto done = visit(how.directory, by_body);
    ASSERT_TRUE(done.has_value());
    EXPECT_EQ(done->corrupt_files.size(), 1U);
}

}  // namespace
}  // namespace callhook::spool
