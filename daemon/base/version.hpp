#pragma once

namespace callhook {

/// The release, from CMake's project version.
inline constexpr const char* version = CALLHOOK_VERSION;

}  // namespace callhook
