#include "base/result.hpp"

namespace callhook {

std::string_view to_string(errc code) noexcept {
    switch (code) {
        case errc::invalid_input:
            return "invalid_input";
        case errc::not_found:
            return "not_found";
        case errc::conflict:
            return "conflict";
        case errc::gone:
            return "gone";
        case errc::overloaded:
            return "overloaded";
        case errc::unavailable:
            return "unavailable";
        case errc::timed_out:
            return "timed_out";
        case errc::mismatch:
            return "mismatch";
        case errc::cancelled:
            return "cancelled";
    }
    return "unknown";
}

bool error::retryable() const noexcept {
    return code == errc::overloaded || code == errc::unavailable || code == errc::timed_out;
}

bad_result::bad_result(const error& cause)
    : std::runtime_error{std::string{to_string(cause.code)} + ": " + cause.message} {}

void throw_exception_from_error(const error& cause, const boost::source_location&) {
    throw bad_result{cause};
}

}  // namespace callhook
