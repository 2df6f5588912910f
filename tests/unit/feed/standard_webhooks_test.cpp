#include "feed/outbound/standard_webhooks.hpp"

#include "base/text.hpp"

#include <gtest/gtest.h>

namespace callhook::feed::outbound {
namespace {

// The example that the Standard Webhooks specification's own libraries are tested with.
constexpr auto published_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr auto published_id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
constexpr std::int64_t published_timestamp = 1614265330;
constexpr auto published_body = R"({"test": 2432232314})";
constexpr auto published_signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

std::string of_size(std::size_t bytes) {
    return "whsec_" + base64_encode(std::string(bytes, '\xfb'));
}

TEST(standard_webhooks, signs_the_published_example) {
    const auto secret = signing_secret::parse(published_secret).value();
    EXPECT_EQ(secret.reveal(), published_secret);
    EXPECT_EQ(secret.sign(published_id, published_timestamp, published_body), published_signature);
    EXPECT_NE(secret.sign(published_id, published_timestamp + 1, published_body), published_signature);
}

TEST(standard_webhooks, two_live_secrets_sign_side_by_side) {
    const std::vector<signing_secret> both{
        signing_secret::parse(published_secret).value(), signing_secret::parse(of_size(64)).value()};
    const auto header = signature_header(both, published_id, published_timestamp, published_body);
    EXPECT_EQ(
        header,
        std::string{published_signature} + " " +
            both[1].sign(published_id, published_timestamp, published_body)
    );
    EXPECT_EQ(signature_header({}, "a", 1, "b"), "");
}

TEST(standard_webhooks, a_new_secret_is_read_back_and_unlike_any_other) {
    const auto made = signing_secret::generate();
    const auto read = signing_secret::parse(made.reveal());
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(made.sign("a", 1, "b"), read->sign("a", 1, "b"));
    EXPECT_NE(made.reveal(), signing_secret::generate().reveal());
    EXPECT_EQ(made.reveal().size(), 6U + 44U);
}

TEST(standard_webhooks, a_secret_holds_24_to_64_bytes) {
    EXPECT_FALSE(signing_secret::parse(of_size(23)));
    EXPECT_TRUE(signing_secret::parse(of_size(24)));
    EXPECT_TRUE(signing_secret::parse(of_size(64)));
    EXPECT_FALSE(signing_secret::parse(of_size(65)));
}

TEST(standard_webhooks, refuses_what_is_no_secret_and_does_not_repeat_it) {
    for (const std::string text :
         {"",
          "whsec_",
          "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
          "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
          "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
          "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_",
          "whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
          "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
          "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==",
          // The last character has bits that no byte owns.
          "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB="}) {
        const auto read = signing_secret::parse(text);
        ASSERT_TRUE(read.has_error()) << text;
        EXPECT_EQ(read.error().code, errc::invalid_input);
        EXPECT_EQ(read.error().message.find("MfKQ"), std::string::npos);
    }
}

}  // namespace
}  // namespace callhook::feed::outbound
