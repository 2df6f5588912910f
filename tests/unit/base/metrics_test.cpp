#include "base/metrics.hpp"

#include <gmock/gmock.h>

namespace callhook {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(metrics, a_series_that_was_removed_is_gone_and_may_come_again) {
    metrics_registry metrics;
    const auto gauge = [&](const std::string& of) {
        return metrics.gauge("lag", "How far behind.", {{"of", of}});
    };
    gauge("a").set(1);
    gauge("b").set(2);
    metrics.remove_gauge("lag", {{"of", "a"}});
    EXPECT_THAT(metrics.render(), Not(HasSubstr(R"(lag{of="a"})")));
    EXPECT_THAT(metrics.render(), HasSubstr(R"(lag{of="b"} 2)"));
    gauge("a").set(3);
    EXPECT_THAT(metrics.render(), HasSubstr(R"(lag{of="a"} 3)"));
}

}  // namespace
}  // namespace callhook
