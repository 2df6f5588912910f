#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace callhook {

using sha256_digest = std::array<std::uint8_t, 32>;

sha256_digest sha256(std::string_view bytes);

/// HMAC-SHA256 (RFC 2104); a key of any length.
sha256_digest hmac_sha256(std::string_view key, std::string_view bytes);

/// Lower-case hexadecimal.
std::string to_hex(const sha256_digest& digest);
std::string to_hex(std::string_view bytes);

/// Whether two digests are equal, in constant time.
bool equal_in_constant_time(const sha256_digest& a, const sha256_digest& b) noexcept;

}  // namespace callhook
