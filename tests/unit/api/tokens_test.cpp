#include "api/tokens.hpp"

#include <gtest/gtest.h>

namespace callhook::api {
namespace {

TEST(tokens, hashes_are_read_in_either_case_and_written_in_lower) {
    const auto hash = sha256("chk_x");
    const auto text = token_hash_text(hash);
    EXPECT_EQ(text.size(), 71U);
    EXPECT_EQ(parse_token_hash(text), hash);
    EXPECT_EQ(
        parse_token_hash("sha256:" + std::string(64, 'A')), parse_token_hash("sha256:" + std::string(64, 'a'))
    );
    for (const auto& bad :
         {std::string{},
          std::string{"sha256:"},
          text.substr(7),
          text + "0",
          text.substr(0, 70),
          "SHA256:" + text.substr(7),
          "sha512:" + text.substr(7),
          "sha256:" + std::string(64, 'g'),
          "sha256: " + text.substr(8)})
        EXPECT_FALSE(parse_token_hash(bad)) << bad;
}

TEST(tokens, a_new_one_is_long_recognisable_and_never_the_same) {
    const auto one = make_token();
    EXPECT_EQ(one.size(), 68U);
    EXPECT_TRUE(one.starts_with("chk_"));
    EXPECT_EQ(one.find_first_not_of("0123456789abcdef", 4), std::string::npos);
    EXPECT_NE(one, make_token());
}

TEST(tokens, scopes_have_one_spelling_and_admin_has_all) {
    for (const auto& name : scope_names())
        EXPECT_EQ(to_string(parse_scope(name).value()), name);
    for (const auto* bad : {"", "Admin", "feed", "feed:read ", "feed:write"})
        EXPECT_FALSE(parse_scope(bad)) << bad;

    const token reader{"r", {}, {scope::feed_read}};
    EXPECT_TRUE(reader.allows(scope::feed_read));
    EXPECT_FALSE(reader.allows(scope::calls_read));
    EXPECT_FALSE(reader.allows(scope::admin));
    const token chief{"c", {}, {scope::admin}};
    for (const auto what : {scope::feed_read, scope::calls_read, scope::metrics_read, scope::admin})
        EXPECT_TRUE(chief.allows(what));
}

TEST(tokens, are_found_by_what_was_presented_whole) {
    const token_list tokens{
        {{"first", sha256("chk_one"), {scope::admin}}, {"second", sha256("chk_two"), {scope::feed_read}}}};
    ASSERT_NE(tokens.find("chk_one"), nullptr);
    EXPECT_EQ(tokens.find("chk_one")->name, "first");
    EXPECT_EQ(tokens.find("chk_two")->name, "second");
    for (const auto* bad : {"", "chk_", "chk_on", "chk_one ", "CHK_ONE", "first"})
        EXPECT_EQ(tokens.find(bad), nullptr) << bad;
    EXPECT_EQ(tokens.find(token_hash_text(sha256("chk_one"))), nullptr) << "the hash opens nothing";
    EXPECT_EQ(token_list{}.find("chk_one"), nullptr);
}

}  // namespace
}  // namespace callhook::api
