#pragma once

#include "base/digest.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::api {

/// What a token may be for. `admin` includes all others.
enum class scope : unsigned { feed_read, calls_read, metrics_read, admin };

/// `feed:read`, `calls:read`, `metrics:read`, `admin`.
std::string_view to_string(scope what) noexcept;
std::optional<scope> parse_scope(std::string_view text) noexcept;
/// All of them as text, in the order of the enum.
const std::vector<std::string>& scope_names();

/// Reads `sha256:` and 64 hexadecimal digits in either case.
std::optional<sha256_digest> parse_token_hash(std::string_view text);
/// The line that parse_token_hash reads, in lower case.
std::string token_hash_text(const sha256_digest& hash);

/// A new token: `chk_` and 32 random bytes in hexadecimal. Throws std::runtime_error where the system has no
/// random bytes.
std::string make_token();

/// One who may use the API.
struct token {
    std::string name{};  ///< fit for logs
    sha256_digest hash{};
    std::vector<scope> scopes{};

    [[nodiscard]] bool allows(scope what) const noexcept;
};

/// The tokens that are taken. Immutable.
class token_list {
public:
    token_list() = default;
    explicit token_list(std::vector<token> tokens) : tokens_{std::move(tokens)} {}

    [[nodiscard]] bool empty() const noexcept { return tokens_.empty(); }

    /// Whose token was presented; null if nobody's. What it takes does not depend on which one it is, or how
    /// nearly one: the hash of what was presented is compared in constant time with every one's. The result
    /// lives as long as the list.
    [[nodiscard]] const token* find(std::string_view presented) const;

private:
    std::vector<token> tokens_;
};

}  // namespace callhook::api
