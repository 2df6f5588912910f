#include "api/tokens.hpp"

#include "base/random.hpp"
#include "base/text.hpp"

#include <algorithm>

namespace callhook::api {

namespace {

constexpr std::string_view hash_prefix = "sha256:";
constexpr std::string_view token_prefix = "chk_";

std::optional<std::uint8_t> digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
    return {};
}

}  // namespace

const std::vector<std::string>& scope_names() {
    static const std::vector<std::string> names{"feed:read", "calls:read", "metrics:read", "admin"};
    return names;
}

std::string_view to_string(scope what) noexcept {
    return scope_names()[static_cast<std::size_t>(what)];
}

std::optional<scope> parse_scope(std::string_view text) noexcept {
    const auto found = std::ranges::find(scope_names(), text);
    if (found == scope_names().end()) return {};
    return static_cast<scope>(found - scope_names().begin());
}

std::optional<sha256_digest> parse_token_hash(std::string_view text) {
    if (!text.starts_with(hash_prefix)) return {};
    const auto digits = to_lower(text.substr(hash_prefix.size()));
    sha256_digest hash{};
    if (digits.size() != 2 * hash.size()) return {};
    for (std::size_t i = 0; i < hash.size(); ++i) {
        const auto high = digit(digits[2 * i]);
        const auto low = digit(digits[2 * i + 1]);
        if (!high || !low) return {};
        hash[i] = static_cast<std::uint8_t>(*high << 4U | *low);
    }
    return hash;
}

std::string token_hash_text(const sha256_digest& hash) {
    return std::string{hash_prefix} + to_hex(hash);
}

std::string make_token() {
    const auto bytes = random_bytes(sha256_digest{}.size());
    sha256_digest drawn{};
    std::ranges::copy(bytes, drawn.begin());
    return std::string{token_prefix} + to_hex(drawn);
}

bool token::allows(scope what) const noexcept {
    return std::ranges::any_of(scopes, [&](scope has) { return has == what || has == scope::admin; });
}

const token* token_list::find(std::string_view presented) const {
    const auto hash = sha256(presented);
    const token* found = nullptr;
    for (const auto& one : tokens_) {
        // No early end: how long this takes must not tell which token was near.
        if (equal_in_constant_time(hash, one.hash)) found = &one;
    }
    return found;
}

}  // namespace callhook::api
