#include "lifecycle/facts.hpp"

#include <array>

namespace callhook::lifecycle {

namespace {

constexpr std::array<std::string_view, 6> event_names{
    "", "call.scheduled", "call.new", "call.missed", "call.completed", "data.added"};

}  // namespace

std::string_view to_string(origin o) noexcept {
    return o == origin::webhook ? "webhook" : "backfill";
}

std::string_view event_name(fact_kind kind) noexcept {
    return event_names[static_cast<std::size_t>(kind)];
}

std::optional<fact_kind> fact_kind_of_event(std::string_view name) noexcept {
    for (std::size_t i = 1; i < event_names.size(); ++i) {
        if (event_names[i] == name) return static_cast<fact_kind>(i);
    }
    return {};
}

}  // namespace callhook::lifecycle
