#include "sources/api.hpp"

namespace callhook::sources {

bool api_failure::retryable() const noexcept {
    return outage() || what == kind::paused;
}

bool api_failure::outage() const noexcept {
    return what == kind::unreachable || what == kind::throttled || what == kind::broken;
}

boost::asio::awaitable<void> transport::judge(std::string_view, std::uint64_t, const api_failure*) {
    co_return;
}

std::string_view to_string(api_failure::kind what) noexcept {
    using kind = api_failure::kind;
    switch (what) {
        case kind::unreachable:
            return "unreachable";
        case kind::throttled:
            return "throttled";
        case kind::broken:
            return "broken";
        case kind::unauthorized:
            return "unauthorized";
        case kind::forbidden:
            return "forbidden";
        case kind::not_found:
            return "not_found";
        case kind::rejected:
            return "rejected";
        case kind::unreadable:
            return "unreadable";
        case kind::paused:
            return "paused";
    }
    return "unknown";
}

namespace {

errc code_for(api_failure::kind what) noexcept {
    using kind = api_failure::kind;
    switch (what) {
        case kind::throttled:
            return errc::overloaded;
        case kind::not_found:
            return errc::not_found;
        case kind::unauthorized:
        case kind::forbidden:
        case kind::rejected:
            return errc::invalid_input;
        case kind::unreadable:
            return errc::mismatch;
        case kind::unreachable:
        case kind::broken:
        case kind::paused:
            return errc::unavailable;
    }
    return errc::unavailable;
}

}  // namespace

void throw_exception_from_error(const api_failure& cause, const boost::source_location&) {
    throw bad_result{error{code_for(cause.what), cause.message, {}}};
}

}  // namespace callhook::sources
