#include "app/vendor_transport.hpp"

#include "base/version.hpp"

#include <utility>

namespace callhook::app {

using sources::api_failure;

http::client_settings vendor_client_settings(const source_settings& source, const settings& values) {
    http::client_settings out;
    out.origin = http::parse_origin(source.api_url).value();
    out.ca_file = source.api_ca_file;
    out.max_body = values.backfill.max_answer;
    out.max_idle = source.api_concurrency;
    return out;
}

boost::asio::awaitable<sources::api_result<sources::api_answer>> keyed_transport::get(
    sources::api_request what
) {
    http::client_request request;
    request.target = std::move(what.target);
    // CallPage REST and webhook documentation, "Authentication": the bare key, without a scheme.
    request.fields = {
        {"Authorization", key_.reveal()},
        {"Accept", "application/json"},
        {"User-Agent", "callhook/" + std::string{version}}};
    auto answer = co_await client_.send(std::move(request), std::chrono::steady_clock::now() + timeout_);
    if (answer) {
        last_date_ = std::string{answer->header("Date")};
        sources::api_answer out{
            answer->status, std::string{answer->header("Retry-After")}, std::move(answer->body)};
        co_return out;
    }
    const auto& why = answer.error();
    switch (why.code) {
        case errc::overloaded:
            co_return api_failure{api_failure::kind::unreadable, why.message, 0, {}};
        case errc::cancelled:
            co_return api_failure{api_failure::kind::paused, why.message, 0, {}};
        default:
            co_return api_failure{api_failure::kind::unreachable, why.message, 0, {}};
    }
}

}  // namespace callhook::app
