#include "feed/outbound/standard_webhooks.hpp"

#include "base/digest.hpp"
#include "base/random.hpp"
#include "base/text.hpp"

namespace callhook::feed::outbound {

namespace {

constexpr std::string_view prefix = "whsec_";
constexpr std::size_t shortest = 24;
constexpr std::size_t longest = 64;
constexpr std::size_t usual = 32;

error refused(const char* why) {
    return error{errc::invalid_input, why};
}

}  // namespace

result<signing_secret> signing_secret::parse(std::string_view text) {
    if (!text.starts_with(prefix)) return refused("a signing secret begins with whsec_");
    const auto encoded = text.substr(prefix.size());
    auto key = base64_decode(encoded);
    // The decoder is lax about blanks and spare bits, which other implementations may not be.
    if (!key || base64_encode(*key) != encoded)
        return refused("after whsec_ a signing secret is Base64 with its padding");
    if (key->size() < shortest || key->size() > longest)
        return refused("a signing secret holds 24 to 64 bytes");
    return signing_secret{secret{std::string{text}}, secret{std::move(*key)}};
}

signing_secret signing_secret::generate() {
    auto key = random_bytes(usual);
    auto text = std::string{prefix} + base64_encode(key);
    return signing_secret{secret{std::move(text)}, secret{std::move(key)}};
}

std::string signing_secret::sign(std::string_view id, std::int64_t timestamp, std::string_view body) const {
    std::string what;
    what.reserve(id.size() + body.size() + 22);
    what.append(id).append(1, '.').append(std::to_string(timestamp)).append(1, '.').append(body);
    const auto mac = hmac_sha256(key_.reveal(), what);
    return "v1," + base64_encode({reinterpret_cast<const char*>(mac.data()), mac.size()});
}

std::string signature_header(
    std::span<const signing_secret> secrets,
    std::string_view id,
    std::int64_t timestamp,
    std::string_view body
) {
    std::string out;
    for (const auto& one : secrets) {
        if (!out.empty()) out += ' ';
        out += one.sign(id, timestamp, body);
    }
    return out;
}

}  // namespace callhook::feed::outbound
