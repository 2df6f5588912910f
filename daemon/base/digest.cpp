#include "base/digest.hpp"

#include "base/secret.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <new>
#include <stdexcept>

namespace callhook {

namespace {

/// OpenSSL's own one-shot functions look the algorithm up by name at every call, which takes longer than to
/// hash a secret.
class sha256_hasher {
public:
    sha256_hasher() {
        if (context_ == nullptr) throw std::bad_alloc{};
    }
    ~sha256_hasher() { EVP_MD_CTX_free(context_); }
    sha256_hasher(const sha256_hasher&) = delete;
    sha256_hasher& operator=(const sha256_hasher&) = delete;

    sha256_digest operator()(std::string_view bytes) {
        sha256_digest out{};
        if (EVP_DigestInit_ex(context_, algorithm(), nullptr) != 1 ||
            EVP_DigestUpdate(context_, bytes.data(), bytes.size()) != 1 ||
            EVP_DigestFinal_ex(context_, out.data(), nullptr) != 1)
            throw std::runtime_error{"OpenSSL cannot make a SHA-256"};
        return out;
    }

private:
    /// Lives as long as the process.
    static const EVP_MD* algorithm() {
        static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
        return found;
    }

    EVP_MD_CTX* context_ = EVP_MD_CTX_new();
};

}  // namespace

sha256_digest sha256(std::string_view bytes) {
    thread_local sha256_hasher hash;
    return hash(bytes);
}

sha256_digest hmac_sha256(std::string_view key, std::string_view bytes) {
    sha256_digest out{};
    unsigned size = 0;
    const auto* const made = HMAC(
        EVP_sha256(),
        key.data(),
        static_cast<int>(key.size()),
        reinterpret_cast<const unsigned char*>(bytes.data()),
        bytes.size(),
        out.data(),
        &size
    );
    if (!made || size != out.size()) throw std::runtime_error{"OpenSSL cannot make an HMAC"};
    return out;
}

std::string to_hex(const sha256_digest& digest) {
    return to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::string to_hex(std::string_view bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

bool equal_in_constant_time(const sha256_digest& a, const sha256_digest& b) noexcept {
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

secret::~secret() {
    OPENSSL_cleanse(value_.data(), value_.size());
}

}  // namespace callhook
