#pragma once

namespace callhook::app::exit_code {

/// What `callhookd` ends with; the numbers are those of sysexits.h, which service managers know.
inline constexpr int fine = 0;
inline constexpr int check_failed = 1;       ///< the command worked, and what it checked is not in order
inline constexpr int usage = 64;             ///< the command line cannot be understood
inline constexpr int unavailable = 69;       ///< a needed service does not answer
inline constexpr int broken_invariant = 70;  ///< a defect of callhook, or data that cannot be
inline constexpr int no_permission = 77;     ///< a needed right is missing
inline constexpr int configuration =
    78;  ///< the configuration is wrong, or the schema does not fit this binary

}  // namespace callhook::app::exit_code
