#pragma once

#include "sources/callpage/payload.hpp"

#include <string_view>

namespace callhook::sources::callpage {

/// The first stage for a call's record of the REST API ("Calls, Get History" and "Calls, Get Single Call"):
/// checks the whole document and takes out the documented values, of kind `observed`. What is under other
/// keys is dropped, and so is a secondary value of a type that makes no sense. The result is good until the
/// same thread reads the next document. Throws std::bad_alloc only.
raw_record read_record(std::string_view body);

}  // namespace callhook::sources::callpage
