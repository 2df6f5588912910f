#pragma once

// Private to spool/: what can still be read of a corrupt file.

#include "spool/file.hpp"

namespace callhook::spool {

struct salvaged {
    std::size_t rescued = 0;
    /// Read, but not as they came; in `damaged` now.
    std::size_t damaged = 0;
    /// Whether every row was reached, as far as can be told.
    bool whole = false;
};

/// Copies into `to` whatever can be read of the file at `path`, row by row and from both ends. The file is
/// left as it is. Throws `sqlite_failure` only for what happens to `to`.
salvaged salvage(const std::string& path, file& to);

}  // namespace callhook::spool
