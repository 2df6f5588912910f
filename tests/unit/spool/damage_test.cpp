#include "spool_fixture.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <random>

namespace callhook::spool {
namespace {

using testing::HasSubstr;

class damage_test : public spool_test {
protected:
    std::string content() const {
        std::ifstream in{file(), std::ios::binary};
        return {std::istreambuf_iterator<char>{in}, {}};
    }
    void rewrite(const std::string& content) const {
        std::ofstream{file(), std::ios::binary | std::ios::trunc} << content;
    }
    std::size_t set_aside() const {
        std::size_t found = 0;
        for (const auto& entry : fs::directory_iterator{how.directory})
            found += entry.path().filename().string().starts_with("spool.db.corrupt-");
        return found;
    }
};

TEST_F(damage_test, one_flipped_bit_in_a_body_is_noticed) {
    open();
    keep_some(1, 9, "a body that can be found again");
    close();
    auto bytes = content();
    const auto at = bytes.find("a body that can be found again");
    ASSERT_NE(at, std::string::npos);
    bytes[at + 3] = static_cast<char>(bytes[at + 3] ^ 0x10);
    rewrite(bytes);
    open();
    EXPECT_EQ(numbers().size(), 8U);
    EXPECT_EQ(box->waiting(), 8U);
    EXPECT_EQ(box->damaged(), 1U);
    EXPECT_EQ(numbers().size(), 8U) << "it is not looked at twice";
    EXPECT_THAT(metrics.render(), HasSubstr("callhook_spool_damaged_total 1"));
}

TEST_F(damage_test, every_field_is_watched) {
    const char* changes[] = {
        "id = randomblob(16)",
        "id = x'00'",
        "source = 'other'",
        "origin = 'backfill'",
        "received_at = received_at + 1",
        "remote_address = ''",
        "content_type = 'text/plain'",
        "body = body || x'00'",
        "digest = randomblob(32)",
        // The same bytes, cut elsewhere.
        "content_type = content_type || remote_address, remote_address = ''"};
    open();
    keep_some(1, std::size(changes) + 1);
    std::uint32_t number = 0;
    for (const auto* change : changes)
        sql("UPDATE deliveries SET " + std::string{change} + " WHERE number = " + std::to_string(++number));
    const auto left = numbers();
    EXPECT_EQ(left, std::vector<std::uint32_t>{static_cast<std::uint32_t>(std::size(changes)) + 1});
    EXPECT_EQ(box->damaged(), std::size(changes));
}

TEST_F(damage_test, what_is_set_aside_is_handed_out_no_more) {
    open();
    keep_some(1, 3);
    ASSERT_TRUE(box->set_aside(all()[1].where(), "refused").has_value());
    EXPECT_EQ(numbers(), (std::vector<std::uint32_t>{1, 3}));
    EXPECT_EQ(box->damaged(), 1U);
    close();
    open();
    EXPECT_TRUE(comes_true([&] { return box->damaged() == 1; }));
}

TEST_F(damage_test, what_is_no_database_is_set_aside) {
    fs::create_directory(how.directory);
    rewrite(std::string(10'000, 'x'));
    open();
    EXPECT_EQ(set_aside(), 1U);
    EXPECT_EQ(box->corrupt_files(), 1U);
    EXPECT_TRUE(keep(sample(1)).has_value());
    EXPECT_THAT(metrics.render(), HasSubstr("callhook_spool_corrupt_files_total 1"));
}

TEST_F(damage_test, a_page_that_is_lost_costs_its_own_rows_alone) {
    open();
    keep_some(1, 400, std::string(300, 'x'));
    close();
    auto bytes = content();
    ASSERT_GT(bytes.size(), 30U * 4096);
    std::mt19937 random{7};
    for (const std::size_t page : {12U, 20U})
        for (std::size_t i = 0; i < 4096; ++i)
            bytes[page * 4096 + i] = static_cast<char>(random());
    rewrite(bytes);
    open();
    EXPECT_EQ(set_aside(), 1U);
    const auto rescued = numbers();
    EXPECT_GE(rescued.size(), 370U) << "those before, between and after";
    EXPECT_LT(rescued.size(), 400U);
    EXPECT_TRUE(keep(sample(1'000)).has_value());
    close();
    open();
    EXPECT_EQ(set_aside(), 1U) << "the new one is sound";
}

TEST_F(damage_test, a_torn_file_is_read_as_far_as_it_goes) {
    open();
    keep_some(1, 400, std::string(300, 'x'));
    close();
    auto bytes = content();
    bytes.resize(bytes.size() / 2 / 4096 * 4096 + 100);
    rewrite(bytes);
    open();
    EXPECT_EQ(set_aside(), 1U);
    EXPECT_GT(numbers().size(), 100U);
    EXPECT_TRUE(keep(sample(1'000)).has_value());
}

TEST_F(damage_test, a_file_that_goes_bad_in_use_is_replaced_in_use) {
    open();
    keep_some(1, 400, std::string(300, 'x'));
    sql("PRAGMA wal_checkpoint(TRUNCATE)");
    const auto size = fs::file_size(file());
    {
        std::fstream out{file(), std::ios::binary | std::ios::in | std::ios::out};
        const std::string garbage(4096, '\x55');
        // All but the first page; what SQLite has in memory it may still use for a while.
        for (std::size_t at = 4096; at + 4096 <= size; at += 4096)
            out.seekp(static_cast<std::streamoff>(at)).write(garbage.data(), 4096);
    }
    sql("PRAGMA user_version = 1");  // whoever has the file open drops what it remembers of it
    EXPECT_TRUE(comes_true([&] { return set_aside() == 1; }));
    EXPECT_TRUE(comes_true([&] { return box->usable(); }));
    EXPECT_TRUE(keep(sample(1'000)).has_value());
    EXPECT_THAT(numbers(), testing::Contains(1'000U));
}

TEST_F(damage_test, another_programs_database_is_left_alone) {
    fs::create_directory(how.directory);
    sql("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)");
    begin();
    EXPECT_TRUE(comes_true([&] { return box->trouble().find("another program") != std::string::npos; }));
    EXPECT_EQ(keep(sample(1)).error().code, errc::unavailable);
    EXPECT_EQ(set_aside(), 0U);
}

TEST_F(damage_test, a_newer_format_is_left_alone) {
    open();
    keep_some(1, 1);
    close();
    sql("PRAGMA user_version = 2");
    begin();
    EXPECT_TRUE(comes_true([&] { return box->trouble().find("newer") != std::string::npos; }));
    EXPECT_EQ(set_aside(), 0U);
}

/// Whatever bytes are wrong: it ends with a spool that works, and what it hands out is exact.
TEST_F(damage_test, random_damage_never_hands_out_what_did_not_come) {
    open();
    keep_some(1, 120, std::string(500, 'y'));
    close();
    const auto sound = content();
    for (unsigned seed = 1; seed <= 40; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 random{seed};
        auto bytes = sound;
        for (int i = 0; i < 30; ++i)
            bytes[random() % bytes.size()] = static_cast<char>(random());
        fs::remove_all(how.directory);
        fs::create_directory(how.directory);
        rewrite(bytes);
        begin();
        const bool settled = comes_true([&] {
            return box->usable() || box->trouble().find("another program") != std::string::npos ||
                   box->trouble().find("newer") != std::string::npos;
        });
        ASSERT_TRUE(settled) << box->trouble();
        if (box->usable()) {
            for (const auto& one : all()) {
                const auto& b = one.what.id.bytes;
                const auto n = static_cast<std::uint32_t>((b[14] << 8) | b[15]);
                ASSERT_EQ(one.what.id, sample(n).id);
                EXPECT_EQ(one.what.body, std::string(500, 'y'));
            }
            EXPECT_TRUE(keep(sample(1'000)).has_value());
        }
        close();
        outcomes.clear();
    }
}

}  // namespace
}  // namespace callhook::spool
