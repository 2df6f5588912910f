#pragma once

#include "sources/callpage/payload.hpp"

#include <string_view>

namespace callhook::sources::callpage {

/// The first stage, which alone decides whether a body can be read: checks the whole document, recognises the
/// event and takes out the documented values. With `extra` given, what stands under other keys is put there.
/// The result is good until the same thread calls this again. Throws std::bad_alloc only.
raw_payload read(std::string_view body, lifecycle::extras* extra);

}  // namespace callhook::sources::callpage
