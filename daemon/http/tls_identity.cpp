#include "http/tls_identity.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <new>
#include <vector>

namespace callhook::http {

namespace {

using part = tls_identity_fault::part;
using std::chrono::system_clock;

struct free_native {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
template <class T>
using owned = std::unique_ptr<T, free_native>;

constexpr long ticket_seconds = 300;
/// Of TLS 1.2; those of 1.3 are all of this kind.
constexpr const char* ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

owned<BIO> bio_of(std::string_view text) {
    return owned<BIO>{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

std::vector<owned<X509>> read_certificates(std::string_view pem) {
    std::vector<owned<X509>> all;
    const auto bio = bio_of(pem);
    while (auto* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
        all.emplace_back(one);
    ERR_clear_error();
    return all;
}

/// Without it OpenSSL would ask the terminal.
int no_password(char* /*into*/, int /*size*/, int /*writing*/, void* /*data*/) {
    return -1;
}

/// What OpenSSL says went wrong; it names no file and quotes nothing.
std::string last_reason() {
    const auto* text = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return text != nullptr ? text : "unknown";
}

system_clock::time_point time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
    return system_clock::from_time_t(::timegm(&parts));
}

std::string day_of(system_clock::time_point time) {
    const auto seconds = system_clock::to_time_t(time);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::string text(16, '\0');
    text.resize(std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts));
    return text;
}

int choose_protocol(
    SSL* /*tls*/,
    const unsigned char** out,
    unsigned char* out_size,
    const unsigned char* offered,
    unsigned size,
    void* /*data*/
) {
    constexpr std::string_view ours{"\x08http/1.1"};
    unsigned char* chosen = nullptr;
    const auto* wanted = reinterpret_cast<const unsigned char*>(ours.data());
    const int outcome =
        SSL_select_next_proto(&chosen, out_size, wanted, static_cast<unsigned>(ours.size()), offered, size);
    *out = chosen;
    return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void set_defaults(SSL_CTX* context, bool asks) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(
        context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE
    );
    SSL_CTX_set_mode(
        context,
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE
    );
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_security_level(context, 2);
    SSL_CTX_set_cipher_list(context, ciphers);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(context, ticket_seconds);
    SSL_CTX_set_num_tickets(context, asks ? 0 : 1);
    if (asks) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    const auto* id = reinterpret_cast<const unsigned char*>("callhook");
    SSL_CTX_set_session_id_context(context, id, 8);
}

std::string fault_of_times(const X509* certificate, system_clock::time_point now) {
    const auto begins = time_of(X509_get0_notBefore(certificate));
    const auto ends = time_of(X509_get0_notAfter(certificate));
    if (ends <= now) return "holds a certificate that expired on " + day_of(ends);
    if (begins > now) return "holds a certificate that is not valid before " + day_of(begins);
    return {};
}

}  // namespace

tls_identity::tls_identity() : context_{SSL_CTX_new(TLS_server_method())} {
    if (context_ == nullptr) throw std::bad_alloc{};
}

tls_identity::~tls_identity() {
    SSL_CTX_free(context_);
}

tls_identity::made tls_identity::make(const tls_identity_texts& texts, system_clock::time_point now) {
    const auto fault = [](part of, std::string reason) { return tls_identity_fault{of, std::move(reason)}; };
    const std::shared_ptr<tls_identity> made{new tls_identity};
    auto* const context = made->context_;
    made->asks_ = !texts.client_authorities.empty();
    set_defaults(context, made->asks_);

    auto chain = read_certificates(texts.certificates);
    if (chain.empty()) return fault(part::certificates, "holds no certificate in PEM");
    made->expires_at_ = system_clock::time_point::max();
    for (const auto& one : chain) {
        if (auto reason = fault_of_times(one.get(), now); !reason.empty())
            return fault(part::certificates, std::move(reason));
        made->expires_at_ = std::min(made->expires_at_, time_of(X509_get0_notAfter(one.get())));
    }
    if (SSL_CTX_use_certificate(context, chain.front().get()) != 1)
        return fault(part::certificates, "holds a certificate that cannot be used: " + last_reason());
    for (auto one = std::next(chain.begin()); one != chain.end(); ++one) {
        if (SSL_CTX_add1_chain_cert(context, one->get()) != 1)
            return fault(part::certificates, "holds a chain that cannot be used: " + last_reason());
    }

    const auto key_bio = bio_of(texts.key);
    const owned<EVP_PKEY> key{PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_password, nullptr)};
    ERR_clear_error();
    if (!key) return fault(part::key, "holds no private key in PEM, or an encrypted one");
    if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
        ERR_clear_error();
        return fault(part::key, "holds a key that does not belong to the certificate");
    }
    if (SSL_CTX_use_PrivateKey(context, key.get()) != 1)
        return fault(part::key, "holds a key that cannot be used: " + last_reason());
    if (!made->asks_) return std::shared_ptr<const tls_identity>{made};

    const auto authorities = read_certificates(texts.client_authorities);
    if (authorities.empty()) return fault(part::client_authorities, "holds no certificate in PEM");
    for (const auto& one : authorities) {
        if (auto reason = fault_of_times(one.get(), now); !reason.empty())
            return fault(part::client_authorities, std::move(reason));
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one.get());
        SSL_CTX_add_client_CA(context, one.get());
    }
    ERR_clear_error();
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return std::shared_ptr<const tls_identity>{made};
}

}  // namespace callhook::http
