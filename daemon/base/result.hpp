#pragma once

#include <boost/system/result.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

namespace callhook {

/// What kind of expected failure happened. Breakage that nobody expects is an exception, never one of these.
enum class errc {
    invalid_input,  ///< the caller sent something unusable
    not_found,      ///< no such thing
    conflict,       ///< the request does not fit the present state
    gone,           ///< it was there and never will be again
    overloaded,     ///< a bound is reached; later may work
    unavailable,    ///< a needed service does not answer; the outcome may be unknown
    timed_out,      ///< a deadline passed; the outcome may be unknown
    mismatch,       ///< configuration or schema is not what this binary needs
    cancelled,      ///< stopped on our side
};

std::string_view to_string(errc code) noexcept;

/// An expected failure. `message` may be shown to anyone; `detail` is for the log only. Neither may hold a
/// secret or personal data.
struct error {
    errc code{};
    std::string message{};
    std::string detail{};

    /// Whether the same call may succeed later without a change.
    [[nodiscard]] bool retryable() const noexcept;
};

/// What `result<T>::value()` throws when it holds an error.
class bad_result : public std::runtime_error {
public:
    explicit bad_result(const error& cause);
};

template <class T>
using result = boost::system::result<T, error>;

/// Found by argument-dependent lookup from boost::system::result.
[[noreturn]] void throw_exception_from_error(const error& cause, const boost::source_location& where);

}  // namespace callhook
