#include "lifecycle/record.hpp"

#include <array>
#include <utility>

namespace callhook::lifecycle {

namespace {

constexpr std::array<std::string_view, 7> phase_names{
    "scheduled", "new", "in-progress", "failed", "cancelled", "missed", "completed"};

constexpr std::array<std::pair<std::string_view, phase>, 9> status_phases{{
    {"new", phase::fresh},
    {"scheduled", phase::scheduled},
    {"in-progress", phase::in_progress},
    {"ringing", phase::in_progress},
    {"completed", phase::completed},
    {"manager-failed", phase::missed},
    {"user-failed", phase::missed},
    {"failed", phase::failed},
    {"cancelled", phase::cancelled},
}};

}  // namespace

std::string_view to_string(phase p) noexcept {
    return phase_names[static_cast<std::size_t>(p)];
}

std::optional<phase> phase_of_text(std::string_view text) noexcept {
    for (std::size_t i = 0; i < phase_names.size(); ++i) {
        if (phase_names[i] == text) return static_cast<phase>(i);
    }
    return {};
}

bool is_outcome(phase p) noexcept {
    return p >= phase::failed;
}

std::optional<phase> phase_of_status(std::string_view status) noexcept {
    for (const auto& [name, p] : status_phases) {
        if (name == status) return p;
    }
    return {};
}

}  // namespace callhook::lifecycle
