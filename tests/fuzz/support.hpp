#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

/// What libFuzzer, or replay.cpp in its place, calls with each input. Returns 0; a broken promise aborts.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace callhook::fuzz {

/// Ends the process, which is how a fuzz target reports.
inline void require(bool holds, const char* promise) {
    if (holds) return;
    std::fprintf(stderr, "broken: %s\n", promise);
    std::abort();
}

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Whether anyone may be shown the text: it holds no control character, so it forges no log line.
inline bool is_printable(std::string_view text) {
    return std::ranges::none_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
}

/// Takes an input apart from its front. Where it is used up everything is zero or empty.
class input {
public:
    explicit input(std::string_view bytes) : rest_{bytes} {}

    [[nodiscard]] bool empty() const { return rest_.empty(); }

    unsigned byte() {
        if (rest_.empty()) return 0;
        const auto value = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
        return value;
    }

    /// Below `bound`, which is 1 to 256.
    unsigned below(unsigned bound) { return byte() % bound; }

    /// Up to the next `end`, which is taken too, or all that is left.
    std::string_view until(char end) {
        const auto at = rest_.find(end);
        const auto text = rest_.substr(0, at);
        rest_.remove_prefix(at == std::string_view::npos ? rest_.size() : at + 1);
        return text;
    }

    std::string_view rest() {
        const auto text = rest_;
        rest_ = {};
        return text;
    }

private:
    std::string_view rest_;
};

}  // namespace callhook::fuzz
