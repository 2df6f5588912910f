#pragma once

#include "base/digest.hpp"

#include <string>
#include <string_view>

namespace callhook {

/// What somebody shows as a credential, hashed, so that it can be compared with several.
class shown_secret {
public:
    explicit shown_secret(std::string_view value) : digest_{sha256(value)} {}

private:
    friend class secret;
    sha256_digest digest_;
};

/// A credential. It cannot be printed, formatted or compared in any way but `matches`; its memory is cleared
/// when it goes.
class secret {
public:
    secret() = default;
    explicit secret(std::string value) : value_{std::move(value)}, digest_{sha256(value_)} {}
    secret(const secret&) = default;
    secret(secret&&) noexcept = default;
    secret& operator=(const secret&) = default;
    secret& operator=(secret&&) noexcept = default;
    ~secret();

    [[nodiscard]] bool empty() const noexcept { return value_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return value_.size(); }

    /// Compares in time that depends on neither content nor length of this secret: the hashes are compared.
    [[nodiscard]] bool matches(const shown_secret& candidate) const noexcept {
        return equal_in_constant_time(digest_, candidate.digest_);
    }
    [[nodiscard]] bool matches(std::string_view candidate) const { return matches(shown_secret{candidate}); }

    /// The value itself, for the one call that needs it (a connection string, an HTTP header). Never log it.
    [[nodiscard]] const std::string& reveal() const noexcept { return value_; }

private:
    std::string value_;
    sha256_digest digest_ = sha256({});
};

}  // namespace callhook
