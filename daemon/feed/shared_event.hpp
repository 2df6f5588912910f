#pragma once

#include "store/rows.hpp"

#include <memory>

namespace callhook::feed {

/// An event as everyone reads it: a thousand readers share its text.
using shared_event = std::shared_ptr<const store::event_row>;

}  // namespace callhook::feed
