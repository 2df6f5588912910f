#pragma once

// The bodies of bench/load, as calls.lua makes them.

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace callhook::bench {

/// A form with gaps for a call's number and its phone number.
class body_form {
public:
    /// Throws std::runtime_error where there is no such file or it has no gaps.
    explicit body_form(const std::string& path) {
        std::ifstream file{path};
        std::string text;
        if (!std::getline(file, text)) throw std::runtime_error{"cannot read " + path};
        for (std::size_t at = 0; (at = text.find("{at}", at)) != std::string::npos;)
            text.replace(at, 4, now());
        const auto id = text.find("{id}");
        const auto phone = text.find("{phone}");
        if (id == std::string::npos || phone == std::string::npos || phone < id)
            throw std::runtime_error{path + " is no form"};
        before_ = text.substr(0, id);
        between_ = text.substr(id + 4, phone - id - 4);
        after_ = text.substr(phone + 7);
    }

    [[nodiscard]] std::string of(std::int64_t id) const {
        char phone[16];
        std::snprintf(
            phone, sizeof phone, "+485%08d", static_cast<int>(id % 100'000'000 * 7919 % 100'000'000)
        );
        return before_ + std::to_string(id) + between_ + phone + after_;
    }

private:
    static std::string now() {
        const auto seconds = std::time(nullptr);
        char text[32];
        return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", std::gmtime(&seconds))};
    }

    std::string before_;
    std::string between_;
    std::string after_;
};

}  // namespace callhook::bench
