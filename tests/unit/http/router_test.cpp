#include "http/router.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

namespace callhook::http {
namespace {

struct silent_endpoint final : endpoint {
    boost::asio::awaitable<response> handle(request) override { co_return response{}; }
};

class router_test : public testing::Test {
protected:
    router_test() {
        routes_.add("POST", "/hooks/{source}/{secret}", hook_);
        routes_.add("GET", "/v1/calls/{source}/{id}", call_);
        routes_.add("GET", "/v1/calls", calls_);
        routes_.add("GET", "/v1/{thing}", thing_);
        routes_.add("DELETE", "/v1/{thing}", thing_);
        routes_.add("GET", "/", root_);
    }

    [[nodiscard]] unsigned status(std::string_view method, std::string_view path) const {
        return routes_.match(method, path).status;
    }

    std::shared_ptr<endpoint> hook_ = std::make_shared<silent_endpoint>();
    std::shared_ptr<endpoint> call_ = std::make_shared<silent_endpoint>();
    std::shared_ptr<endpoint> calls_ = std::make_shared<silent_endpoint>();
    std::shared_ptr<endpoint> thing_ = std::make_shared<silent_endpoint>();
    std::shared_ptr<endpoint> root_ = std::make_shared<silent_endpoint>();
    router routes_;
};

TEST_F(router_test, matches_whole_segments_and_decodes_what_it_captures) {
    const auto match = routes_.match("POST", "/hooks/call%20page/s%2Fecret");
    ASSERT_EQ(match.status, 200U);
    EXPECT_EQ(match.target, hook_.get());
    EXPECT_EQ(match.pattern, "/hooks/{source}/{secret}");
    ASSERT_EQ(match.parameters.size(), 2U);
    EXPECT_EQ(match.parameters[0].name, "source");
    EXPECT_EQ(match.parameters[0].value, "call page");
    EXPECT_EQ(match.parameters[1].value, "s/ecret");
    EXPECT_EQ(routes_.match("GET", "/").target, root_.get());
}

TEST_F(router_test, a_literal_wins_over_a_capture) {
    EXPECT_EQ(routes_.match("GET", "/v1/calls").target, calls_.get());
    EXPECT_EQ(routes_.match("GET", "/v1/call").target, thing_.get());
    EXPECT_EQ(routes_.match("DELETE", "/v1/calls").target, thing_.get());
}

TEST_F(router_test, nothing_is_normalised) {
    for (const auto* path :
         {"",
          "hooks/a/b",
          "/hooks",
          "/hooks/",
          "/hooks/a",
          "/hooks/a/",
          "/hooks//b",
          "//hooks/a/b",
          "/hooks/a/b/",
          "/hooks/a/b/c",
          "/Hooks/a/b",
          "/%68ooks/a/b",
          "/x/../hooks/a/b",
          "/./hooks/a/b",
          "/hooks/./b",
          "/hooks/../b",
          "/hooks/%2e%2E/b",
          "/hooks/a%/b",
          "/hooks/a%4/b",
          "/hooks/a%zz/b",
          "/hooks/a%00/b",
          "/hooks/a%ff/b",
          "/hooks/a%c0%af/b",
          "/hooks/%c0%ae%c0%ae/b",
          "//"}) {
        EXPECT_EQ(status("POST", path), 404U) << path;
        EXPECT_EQ(status("GET", path), 404U) << path;
    }
}

TEST_F(router_test, a_wrong_method_is_told_the_right_ones) {
    EXPECT_EQ(status("GET", "/hooks/a/b"), 405U);
    EXPECT_EQ(routes_.match("GET", "/hooks/a/b").allow, "POST");
    EXPECT_EQ(routes_.match("POST", "/v1/thing").allow, "DELETE, GET, HEAD");
    EXPECT_EQ(routes_.match("POST", "/v1/calls").allow, "DELETE, GET, HEAD");
    EXPECT_EQ(status("get", "/v1/calls"), 405U);
}

TEST_F(router_test, head_goes_where_get_is) {
    EXPECT_EQ(routes_.match("HEAD", "/v1/calls").target, calls_.get());
    EXPECT_EQ(status("HEAD", "/hooks/a/b"), 405U);
}

TEST_F(router_test, lists_its_routes) {
    const auto all = routes_.routes();
    ASSERT_EQ(all.size(), 6U);
    EXPECT_EQ(all.front().pattern, "/");
    EXPECT_EQ(all.back().pattern, "/v1/{thing}");
    EXPECT_EQ(all.back().method, "GET");
}

TEST_F(router_test, mistakes_of_the_program_throw) {
    EXPECT_THROW(routes_.add("GET", "/v1/calls", calls_), std::invalid_argument);
    EXPECT_THROW(routes_.add("GET", "v1", calls_), std::invalid_argument);
    EXPECT_THROW(routes_.add("GET", "/a{b}", calls_), std::invalid_argument);
    EXPECT_THROW(routes_.add("GET", "/a", nullptr), std::invalid_argument);
}

}  // namespace
}  // namespace callhook::http
