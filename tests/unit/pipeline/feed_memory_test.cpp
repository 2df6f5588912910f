#include "pipeline/feed_memory.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace callhook::pipeline {
namespace {

class feed_memory_test : public testing::Test {
protected:
    feed_memory_test() { std::filesystem::create_directory(folder); }
    ~feed_memory_test() override { std::filesystem::remove_all(folder); }

    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("callhook-memory-" + std::to_string(::getpid()));
    const std::string file = folder / "feed.seen";
};

TEST_F(feed_memory_test, outlives_the_process) {
    feed_memory first{file};
    EXPECT_EQ(first.epoch(), "");
    first.note("5f0c7a11", 42);
    first.note("5f0c7a11", 43);
    const feed_memory second{file};
    EXPECT_EQ(second.epoch(), "5f0c7a11");
    EXPECT_EQ(second.position(), 43);
}

TEST_F(feed_memory_test, takes_nothing_from_a_file_that_is_not_its_own) {
    for (const auto* text : {"", "nonsense", "5f0c7a11", "5f0c7a11 x", "5f0c7a11 -1", "5f0c7a111 7"}) {
        std::ofstream{file} << text;
        const feed_memory one{file};
        EXPECT_EQ(one.epoch(), "") << text;
        EXPECT_EQ(one.position(), 0) << text;
    }
}

TEST_F(feed_memory_test, goes_on_without_a_place_and_writes_once_there_is_one) {
    std::filesystem::remove(folder);
    feed_memory one{file};
    one.note("5f0c7a11", 7);
    EXPECT_EQ(one.position(), 7);
    std::filesystem::create_directory(folder);
    one.note("5f0c7a11", 7);
    EXPECT_EQ(feed_memory{file}.position(), 7);

    feed_memory nowhere{""};
    nowhere.note("5f0c7a11", 7);
    EXPECT_EQ(nowhere.position(), 7);
}

}  // namespace
}  // namespace callhook::pipeline
