#pragma once

#include "app/arguments.hpp"
#include "app/settings.hpp"
#include "http/client.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>
#include <vector>

namespace callhook::app {

/// Asks the API of the daemon that runs with these settings on this machine. Blocks; one request at a time,
/// over a connection that is kept.
class local_api {
public:
    /// Who must answer.
    enum class peer {
        anybody,   ///< for questions that tell nothing
        ourselves  ///< with TLS: who holds the key to `api.tls_certificate_file`
    };

    /// Which of the two; the other one is asked only for who is there.
    enum class listener { api, hooks };

    /// `mismatch` where nobody can say where it is, or a file cannot be used; the message says what to
    /// do.
    static result<std::unique_ptr<local_api>> open(
        const settings& values, const api_access& how, peer whom, listener which = listener::api
    );

    /// Asks for a path and query; errors as of `http::client::send`, within the timeout of `how`.
    result<http::client_response> get(const std::string& target, std::vector<http::field> fields = {});

    /// `https://127.0.0.1:8081`
    [[nodiscard]] const std::string& url() const noexcept { return url_; }

private:
    local_api(http::client_settings settings, std::chrono::milliseconds timeout);

    std::string url_;
    std::chrono::milliseconds timeout_;
    boost::asio::io_context loop_{1};
    http::client client_;
};

}  // namespace callhook::app
