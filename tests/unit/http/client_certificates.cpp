#include "client_certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <unistd.h>

namespace callhook::http {

namespace {

void must(bool worked, const char* what) {
    if (!worked) throw std::runtime_error{what};
}

void add_extension(X509* to, X509* issuer, int which, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
    auto* extension = X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str());
    must(extension != nullptr, "extension");
    X509_add_ext(to, extension, -1);
    X509_EXTENSION_free(extension);
}

}  // namespace

identity make_identity(const certificate_plan& plan, const identity* issuer) {
    static long serial = 1;
    identity made{{EVP_EC_gen("P-256"), EVP_PKEY_free}, {X509_new(), X509_free}};
    must(made.key && made.certificate, "key");
    auto* const certificate = made.certificate.get();
    auto* const above = issuer ? issuer->certificate.get() : certificate;
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), plan.valid_from);
    X509_gmtime_adj(X509_getm_notAfter(certificate), plan.valid_until);
    X509_set_pubkey(certificate, made.key.get());
    const auto* const name = reinterpret_cast<const unsigned char*>(plan.name.c_str());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(above));
    if (plan.authority) add_extension(certificate, above, NID_basic_constraints, "critical,CA:TRUE");
    if (!plan.alternative_names.empty())
        add_extension(certificate, above, NID_subject_alt_name, plan.alternative_names);
    auto* const signer = issuer ? issuer->key.get() : made.key.get();
    must(X509_sign(certificate, signer, EVP_sha256()) > 0, "sign");
    return made;
}

pem_file::pem_file(const identity& whose) {
    const auto* const folder = std::getenv("TMPDIR");
    path_ = std::string{folder ? folder : "/tmp"} + "/callhook-test-XXXXXX";
    const auto descriptor = ::mkstemp(path_.data());
    must(descriptor >= 0, "mkstemp");
    auto* const file = ::fdopen(descriptor, "w");
    PEM_write_X509(file, whose.certificate.get());
    std::fclose(file);
}

pem_file::~pem_file() {
    ::unlink(path_.c_str());
}

std::shared_ptr<SSL_CTX> server_tls(const identity& leaf, const identity* chain) {
    std::shared_ptr<SSL_CTX> made{SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
    must(made != nullptr, "context");
    must(SSL_CTX_use_certificate(made.get(), leaf.certificate.get()) == 1, "certificate");
    must(SSL_CTX_use_PrivateKey(made.get(), leaf.key.get()) == 1, "private key");
    if (chain) must(SSL_CTX_add1_chain_cert(made.get(), chain->certificate.get()) == 1, "chain");
    return made;
}

}  // namespace callhook::http
