#pragma once

#include "app/settings.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace callhook::app {

/// How well a source's configured time zone fits what was measured.
struct zone_finding {
    std::string source{};
    std::string zone{};
    std::size_t webhooks = 0;
    std::optional<std::chrono::seconds> by_arrivals{};
    std::optional<std::chrono::seconds> by_filter{};

    [[nodiscard]] bool wrong() const;
    /// In words, to follow "the time zone of source X".
    [[nodiscard]] std::string verdict() const;
};

/// One a source, from the database. Throws `store::failure`.
std::vector<zone_finding> measure_zones(const settings& values);

}  // namespace callhook::app
