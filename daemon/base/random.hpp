#pragma once

#include <cstddef>
#include <string>

namespace callhook {

/// Bytes from the system's cryptographic source, for keys and tokens. Throws std::runtime_error where it has
/// none.
std::string random_bytes(std::size_t count);

}  // namespace callhook
