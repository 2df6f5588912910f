#pragma once

#include "base/uuid.hpp"

#include <cstdint>
#include <string>

namespace callhook::lifecycle {

/// What an event is about: the `subject` of its CloudEvent, by which it is found again when a person is
/// erased.
inline std::string call_subject(std::int64_t id) {
    return "calls/" + std::to_string(id);
}
inline std::string message_subject(const uuid& id) {
    return "messages/" + to_string(id);
}

}  // namespace callhook::lifecycle
