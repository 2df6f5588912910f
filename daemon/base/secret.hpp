#pragma once

#include <string>
#include <string_view>

namespace callhook {

/// A credential. It cannot be printed, formatted or compared in any way but `matches`; its memory is cleared
/// when it goes.
class secret {
public:
    secret() = default;
    explicit secret(std::string value) : value_{std::move(value)} {}
    secret(const secret&) = default;
    secret(secret&&) noexcept = default;
    secret& operator=(const secret&) = default;
    secret& operator=(secret&&) noexcept = default;
    ~secret();

    [[nodiscard]] bool empty() const noexcept { return value_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return value_.size(); }

    /// Compares in time that depends on neither content nor length: both sides are hashed first.
    [[nodiscard]] bool matches(std::string_view candidate) const;

    /// The value itself, for the one call that needs it (a connection string, an HTTP header). Never log it.
    [[nodiscard]] const std::string& reveal() const noexcept { return value_; }

private:
    std::string value_;
};

}  // namespace callhook
