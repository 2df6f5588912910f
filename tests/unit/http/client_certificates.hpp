#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace callhook::http {

/// A key and its certificate, made by an authority of the test's own.
struct identity {
    std::shared_ptr<EVP_PKEY> key;
    std::shared_ptr<X509> certificate;
};

/// What a certificate says. Times in seconds from now.
struct certificate_plan {
    std::string name = "test";        ///< common name
    std::string alternative_names{};  ///< OpenSSL's way to write them: `DNS:localhost,IP:127.0.0.1`
    long valid_from = -3600;
    long valid_until = 3600;
    bool authority = false;
};

/// Signed by `issuer`, or by itself without one.
identity make_identity(const certificate_plan& plan, const identity* issuer = nullptr);

/// A fresh PEM file with the certificate; goes with the object.
class pem_file {
public:
    explicit pem_file(const identity& whose);
    ~pem_file();
    pem_file(const pem_file&) = delete;
    pem_file& operator=(const pem_file&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
};

/// What a server needs to show `leaf`, followed by `chain` where given.
std::shared_ptr<SSL_CTX> server_tls(const identity& leaf, const identity* chain = nullptr);

}  // namespace callhook::http
