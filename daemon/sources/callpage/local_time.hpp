#pragma once

#include "base/result.hpp"
#include "lifecycle/values.hpp"

#include <string>
#include <string_view>

namespace date {
class time_zone;
}

namespace callhook::sources::callpage {

/// A zone of the system's time zone database, which reads wall-clock times. Cheap to copy, safe from any
/// thread, valid until the process ends.
class local_zone {
public:
    /// Looks the zone up and loads it. `invalid_input` where the system has no zone of this name or none at
    /// all.
    static result<local_zone> find(const std::string& name);

    /// Reads `YYYY-MM-DD HH:MM:SS`, the one form that the documentation shows. Any other text, and a date
    /// that the calendar does not have, comes back with `raw` alone.
    [[nodiscard]] lifecycle::local_time read(std::string_view text) const;

private:
    explicit local_zone(const date::time_zone& zone) : zone_{&zone} {}

    const date::time_zone* zone_;
};

}  // namespace callhook::sources::callpage
