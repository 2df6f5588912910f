#pragma once

#include "app/file_places.hpp"
#include "app/setting_problems.hpp"
#include "app/settings.hpp"

#include <chrono>

namespace callhook::app {

/// Reads the certificates and keys that the two listeners name, and sees that they fit together and hold at
/// `now`. Listeners that name none stay plain.
void read_listener_tls(
    settings& values,
    const file_places& places,
    std::chrono::system_clock::time_point now,
    setting_problems& problems
);

}  // namespace callhook::app
