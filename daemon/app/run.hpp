#pragma once

#include "app/load_settings.hpp"

#include <iosfwd>

namespace callhook::app {

/// Arguments to settings to command to exit code.
int run(int count, char** words);

/// The same with the environment and, for what does not come from a command that works on the database, the
/// streams given.
int run(
    int count,
    const char* const* words,
    const environment_map& environment,
    std::ostream& out,
    std::ostream& err
);

}  // namespace callhook::app
