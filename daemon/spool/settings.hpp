#pragma once

#include "async/group_writer.hpp"

#include <cstdint>
#include <string>

namespace callhook::spool {

struct settings {
    std::string directory{};
    /// Most that the file may hold.
    std::uint64_t max_bytes = std::uint64_t{1} << 30;
    /// What must stay free on its file system.
    std::uint64_t keep_free = std::uint64_t{256} << 20;
    async::group_bounds bounds{};
};

}  // namespace callhook::spool
