#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <string>

namespace callhook::app {

/// What a regular file holds, and who may read it.
struct text_file {
    std::string content{};
    unsigned mode = 0;  ///< the permission bits
};

/// Reads a regular file of at most `largest` bytes. The error's message says why it cannot be read;
/// `not_found` is told apart.
result<text_file> read_text_file(const std::filesystem::path& path, std::size_t largest);

}  // namespace callhook::app
