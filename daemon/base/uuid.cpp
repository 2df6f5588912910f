#include "base/uuid.hpp"

namespace callhook {

void append(std::string& out, const uuid& id) {
    static constexpr char digits[] = "0123456789abcdef";
    char text[36];
    char* at = text;
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        *at++ = digits[id.bytes[i] >> 4];
        *at++ = digits[id.bytes[i] & 15];
    }
    out.append(text, sizeof text);
}

std::string to_string(const uuid& id) {
    std::string out;
    append(out, id);
    return out;
}

std::optional<uuid> parse_uuid(std::string_view text) {
    if (text.size() != 36) return {};
    uuid id;
    std::size_t nibble = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (c != '-') return {};
            continue;
        }
        int value = 0;
        if (c >= '0' && c <= '9')
            value = c - '0';
        else if (c >= 'a' && c <= 'f')
            value = c - 'a' + 10;
        else if (c >= 'A' && c <= 'F')
            value = c - 'A' + 10;
        else
            return {};
        auto& byte = id.bytes[nibble / 2];
        byte = static_cast<std::uint8_t>(nibble % 2 == 0 ? value << 4 : byte | value);
        ++nibble;
    }
    return id;
}

utc_time time_of(const uuid& id) {
    std::int64_t ms = 0;
    for (int i = 0; i < 6; ++i)
        ms = (ms << 8) | id.bytes[static_cast<std::size_t>(i)];
    return utc_time{std::chrono::milliseconds{ms}};
}

uuid_v7_generator::uuid_v7_generator(const clock_source& clock)
    : clock_{clock}, random_{std::random_device{}()} {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device(), device(), device()};
    random_.seed(seed);
}

uuid uuid_v7_generator::operator()() {
    const auto now = std::chrono::floor<std::chrono::milliseconds>(clock_.now()).time_since_epoch().count();
    if (now > last_ms_) {
        last_ms_ = now;
        counter_ = static_cast<std::uint32_t>(random_() & 0x3ff);  // the top bits stay free for counting
    } else if (++counter_ > 0xfff) {
        ++last_ms_;
        counter_ = 0;
    }
    uuid id;
    for (std::size_t i = 0; i < 6; ++i)
        id.bytes[i] = static_cast<std::uint8_t>(last_ms_ >> (40 - 8 * i));
    id.bytes[6] = static_cast<std::uint8_t>(0x70 | (counter_ >> 8));
    id.bytes[7] = static_cast<std::uint8_t>(counter_);
    const std::uint64_t tail = random_();
    for (std::size_t i = 0; i < 8; ++i)
        id.bytes[8 + i] = static_cast<std::uint8_t>(tail >> (56 - 8 * i));
    id.bytes[8] = static_cast<std::uint8_t>(0x80 | (id.bytes[8] & 0x3f));
    return id;
}

}  // namespace callhook
