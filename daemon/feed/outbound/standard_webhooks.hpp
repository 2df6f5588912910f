#pragma once

#include "base/result.hpp"
#include "base/secret.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace callhook::feed::outbound {

/// A symmetric secret of Standard Webhooks 1.0: `whsec_` and the Base64 of 24 to 64 bytes. It cannot be
/// printed; its memory is cleared when it goes.
class signing_secret {
public:
    /// `invalid_input` says what is wrong, and holds nothing of the text.
    static result<signing_secret> parse(std::string_view text);

    /// A new one of 32 random bytes. Throws std::runtime_error where the system has none.
    static signing_secret generate();

    /// The text `whsec_…`: for its owner, once, and for the database. Never log it.
    [[nodiscard]] const std::string& reveal() const noexcept { return text_.reveal(); }

    /// `v1,` and the Base64 of the HMAC-SHA256 of `id.timestamp.body`.
    [[nodiscard]] std::string sign(std::string_view id, std::int64_t timestamp, std::string_view body) const;

private:
    signing_secret(secret text, secret key) : text_{std::move(text)}, key_{std::move(key)} {}

    secret text_;
    secret key_;
};

/// The value of `webhook-signature`: a signature of each secret, joined by a space, so that a receiver that
/// knows one of them takes the message while they are being changed. `timestamp` is in Unix seconds.
std::string signature_header(
    std::span<const signing_secret> secrets,
    std::string_view id,
    std::int64_t timestamp,
    std::string_view body
);

}  // namespace callhook::feed::outbound
