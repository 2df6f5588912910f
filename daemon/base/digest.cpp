#include "base/digest.hpp"

#include "base/secret.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace callhook {

sha256_digest sha256(std::string_view bytes) {
    sha256_digest out{};
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), out.data());
    return out;
}

std::string to_hex(const sha256_digest& digest) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(digest.size() * 2);
    for (const auto byte : digest) {
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

bool secret::matches(std::string_view candidate) const {
    return equal_in_constant_time(sha256(value_), sha256(candidate));
}

}  // namespace callhook
