#include "app/local_api.hpp"

#include "app/settings_report.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <optional>
#include <string_view>
#include <utility>

namespace callhook::app {

namespace asio = boost::asio;

namespace {

/// What is asked for is small, but for the metrics of a daemon with many names.
constexpr std::size_t largest_answer = std::size_t{32} << 20;

/// An address to listen on everywhere is none to connect to.
std::string reachable(const std::string& address) {
    if (address == "0.0.0.0") return "127.0.0.1";
    if (address == "::") return "::1";
    return address;
}

using trusted = result<std::shared_ptr<http::tls_trust>>;

struct place {
    std::string_view section;
    const std::string& address;
    std::uint16_t port;
    const std::string& certificate_file;
};

result<http::client_settings> client_settings(const place& at, const api_access& how, local_api::peer whom) {
    if (at.port == 0)
        return error{
            errc::mismatch,
            std::string{at.section} +
                ".port is 0, so that the daemon takes any free one; set it to be found"};
    const bool secured = !at.certificate_file.empty();
    http::client_settings out;
    out.origin = {secured, reachable(at.address), at.port};
    out.max_body = largest_answer;
    if (!secured) return out;
    const auto trust = whom == local_api::peer::anybody
                           ? trusted{http::tls_trust::in_anybody()}
                           : http::tls_trust::in_certificate(at.certificate_file);
    if (!trust) return trust.error();
    if (!how.certificate_file.empty()) {
        const auto shown = (*trust)->show(how.certificate_file, how.key_file);
        if (!shown) return shown.error();
    }
    out.trust = *trust;
    return out;
}

}  // namespace

local_api::local_api(http::client_settings settings, std::chrono::milliseconds timeout)
    : url_{std::string{settings.origin.tls ? "https" : "http"} + "://" +
           address_and_port(settings.origin.host, settings.origin.port)},
      timeout_{timeout},
      client_{loop_.get_executor(), std::move(settings)} {}

result<std::unique_ptr<local_api>> local_api::open(
    const settings& values, const api_access& how, peer whom, listener which
) {
    const auto& api = values.api;
    const auto& hooks = values.hooks;
    const place at = which == listener::api
                         ? place{"api", api.address, api.port, api.tls.certificate_file}
                         : place{"hooks", hooks.address, hooks.port, hooks.tls.certificate_file};
    auto usable = client_settings(at, how, whom);
    if (!usable) return usable.error();
    return std::unique_ptr<local_api>{new local_api{std::move(*usable), how.timeout}};
}

result<http::client_response> local_api::get(const std::string& target, std::vector<http::field> fields) {
    http::client_request request;
    request.target = target;
    request.fields = std::move(fields);
    std::optional<result<http::client_response>> answer;
    auto ask = [&]() -> asio::awaitable<void> {
        answer = co_await client_.send(std::move(request), std::chrono::steady_clock::now() + timeout_);
        // The deadline of the connection that is kept would hold the loop.
        loop_.stop();
    };
    asio::co_spawn(loop_, ask(), asio::detached);
    loop_.restart();
    loop_.run();
    return std::move(*answer);
}

}  // namespace callhook::app
