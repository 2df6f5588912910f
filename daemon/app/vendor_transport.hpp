#pragma once

#include "app/settings.hpp"
#include "http/client.hpp"
#include "sources/api.hpp"

#include <chrono>
#include <string>

namespace callhook::app {

/// The HTTP client for a source's vendor.
http::client_settings vendor_client_settings(const source_settings& source, const settings& values);

/// Sends requests with the source's key. The key goes no further than this. Loop thread.
class keyed_transport final : public sources::transport {
public:
    /// The client must outlive it.
    keyed_transport(http::client& client, secret key, std::chrono::milliseconds timeout)
        : client_{client}, key_{std::move(key)}, timeout_{timeout} {}

    boost::asio::awaitable<sources::api_result<sources::api_answer>> get(sources::api_request what) override;

    /// The field Date of the last answer; empty where there was none.
    [[nodiscard]] const std::string& last_date() const noexcept { return last_date_; }

private:
    http::client& client_;
    const secret key_;
    const std::chrono::milliseconds timeout_;
    std::string last_date_;
};

}  // namespace callhook::app
