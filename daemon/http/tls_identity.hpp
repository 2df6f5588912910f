#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

struct ssl_ctx_st;

namespace callhook::http {

/// What a TLS listener is made of, as PEM.
struct tls_identity_texts {
    std::string_view certificates{};  ///< the listener's own first, then those between it and its authority
    std::string_view key{};           ///< of the first certificate; not encrypted
    std::string_view client_authorities{};  ///< empty: clients need no certificate
};

/// Why no identity could be made; the reason follows the name of the file: "holds no certificate in PEM".
struct tls_identity_fault {
    enum class part { certificates, key, client_authorities };
    part of{};
    std::string reason{};
};

/// Who a listener is in TLS and whom it believes: TLS 1.2 and 1.3, ciphers with forward secrecy and
/// authenticated encryption alone, HTTP/1.1 by ALPN, neither compression nor renegotiation. Tickets by which
/// a client can resume last five minutes, and there are none where clients show certificates, so that every
/// connection's is looked at. Immutable; made on any thread, connections of it belong to the loop's.
class tls_identity {
public:
    using made = std::variant<std::shared_ptr<const tls_identity>, tls_identity_fault>;

    /// Checks the parts and that they fit together and hold at `now`. Needs the texts during the call only.
    static made make(const tls_identity_texts& texts, std::chrono::system_clock::time_point now);

    ~tls_identity();
    tls_identity(const tls_identity&) = delete;
    tls_identity& operator=(const tls_identity&) = delete;

    /// When the first of its certificates ends.
    [[nodiscard]] std::chrono::system_clock::time_point expires_at() const noexcept { return expires_at_; }

    /// Whether clients must show a certificate.
    [[nodiscard]] bool asks_for_certificates() const noexcept { return asks_; }

    /// For this folder.
    [[nodiscard]] ssl_ctx_st* native() const noexcept { return context_; }

private:
    tls_identity();

    ssl_ctx_st* context_;
    std::chrono::system_clock::time_point expires_at_{};
    bool asks_ = false;
};

}  // namespace callhook::http
