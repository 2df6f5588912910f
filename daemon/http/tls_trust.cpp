#include "http/tls_trust.hpp"

#include "http/tls_trust_state.hpp"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace callhook::http {

namespace {

/// The first certificate of a PEM file; null where there is none.
std::unique_ptr<X509, decltype(&X509_free)> read_certificate(const std::string& file) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> opened{BIO_new_file(file.c_str(), "r"), &BIO_free};
    X509* const read = opened ? PEM_read_bio_X509(opened.get(), nullptr, nullptr, nullptr) : nullptr;
    return {read, &X509_free};
}

}  // namespace

tls_trust::tls_trust(nobody) : state_{std::make_unique<state>()} {
    auto* const native = state_->tls.native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_options(native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    state_->tls.set_verify_mode(boost::asio::ssl::verify_peer);
}

tls_trust::tls_trust(const std::string& ca_file) : tls_trust{nobody{}} {
    boost::system::error_code failure;
    if (ca_file.empty()) {
        state_->tls.set_default_verify_paths(failure);
    } else {
        state_->tls.load_verify_file(ca_file, failure);
    }
    if (failure) {
        const auto whose = ca_file.empty() ? "the system" : "the file " + ca_file;
        throw bad_result{error{
            errc::mismatch,
            "cannot load the certificate authorities of " + whose + ": " + failure.message()}};
    }
}

tls_trust::~tls_trust() = default;

result<std::shared_ptr<tls_trust>> tls_trust::in_certificate(const std::string& file) {
    // Not of the whole file: with the authority in it everybody would be believed whom that vouches for.
    const auto one = read_certificate(file);
    if (!one) return error{errc::mismatch, "cannot read a certificate from the file " + file};
    std::shared_ptr<tls_trust> made{new tls_trust{nobody{}}};
    auto* const store = SSL_CTX_get_cert_store(made->state_->tls.native_handle());
    X509_STORE_add_cert(store, one.get());
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    made->state_->checks_names = false;
    return made;
}

std::shared_ptr<tls_trust> tls_trust::in_anybody() {
    std::shared_ptr<tls_trust> made{new tls_trust{nobody{}}};
    made->state_->tls.set_verify_mode(boost::asio::ssl::verify_none);
    made->state_->checks_names = false;
    return made;
}

result<void> tls_trust::show(const std::string& certificate_file, const std::string& key_file) {
    boost::system::error_code failure;
    state_->tls.use_certificate_chain_file(certificate_file, failure);
    const bool has_certificate = !failure;
    if (has_certificate) state_->tls.use_private_key_file(key_file, boost::asio::ssl::context::pem, failure);
    if (!failure) return {};
    return error{
        errc::mismatch,
        std::string{"cannot use the "} + (has_certificate ? "key" : "certificate") + " in the file " +
            (has_certificate ? key_file : certificate_file) + ": " + failure.message()};
}

}  // namespace callhook::http
