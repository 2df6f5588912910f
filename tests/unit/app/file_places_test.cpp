#include "app/file_places.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <unistd.h>

namespace callhook::app {
namespace {

using std::filesystem::path;

TEST(file_places, without_credentials_a_relative_path_starts_at_the_configuration) {
    const file_places places{"/etc/callhook"};
    EXPECT_EQ(places.find("a.secret"), path{"/etc/callhook/a.secret"});
    EXPECT_EQ(places.find("/run/a.secret"), path{"/run/a.secret"});
    EXPECT_EQ(file_places{""}.find("a.secret"), path{"a.secret"});
}

TEST(file_places, a_credential_goes_before_a_file_of_that_name) {
    const path folder = testing::TempDir() + "callhook-credentials-" + std::to_string(::getpid());
    std::filesystem::create_directories(folder);
    std::ofstream{folder / "a.secret"} << "x";
    const file_places places{"/etc/callhook", folder};
    EXPECT_EQ(places.find("a.secret"), folder / "a.secret");
    EXPECT_EQ(places.find("b.secret"), path{"/etc/callhook/b.secret"});
    EXPECT_EQ(places.find("/run/a.secret"), path{"/run/a.secret"});
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace callhook::app
