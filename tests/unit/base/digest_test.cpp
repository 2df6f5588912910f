#include "base/digest.hpp"

#include "base/random.hpp"

#include <gtest/gtest.h>

namespace callhook {
namespace {

// RFC 4231, test cases 1, 2 and 6.
TEST(digest, hmac_follows_the_rfc_vectors) {
    EXPECT_EQ(
        to_hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    );
    EXPECT_EQ(
        to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    EXPECT_EQ(
        to_hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")
        ),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    );
}

TEST(digest, random_bytes_are_as_many_as_asked_and_never_the_same) {
    EXPECT_EQ(random_bytes(0), "");
    const auto one = random_bytes(32);
    EXPECT_EQ(one.size(), 32U);
    EXPECT_NE(one, random_bytes(32));
}

}  // namespace
}  // namespace callhook
