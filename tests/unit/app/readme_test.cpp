#include "app/reference.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>

namespace callhook::app {
namespace {

TEST(readme, ends_with_the_generated_reference) {
    std::ifstream file{CALLHOOK_SOURCE_DIR "/README.md"};
    const std::string readme{std::istreambuf_iterator<char>{file}, {}};
    std::string expected;
    std::istringstream lines{reference_markdown()};
    // A heading is one level deeper there.
    for (std::string line; std::getline(lines, line);)
        expected += (line.starts_with('#') ? "#" : "") + line + '\n';
    EXPECT_TRUE(readme.ends_with(expected))
        << "renew the end of README.md: callhookd reference --format markdown | sed 's/^#/##/'";
}

}  // namespace
}  // namespace callhook::app
