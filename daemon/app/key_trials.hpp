#pragma once

#include "sources/api.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>
#include <vector>

namespace callhook::app {

/// What one question to a vendor's API showed of its key.
struct key_trial {
    std::string name{};
    std::string scope{};  ///< which the key needs for it; empty: none
    bool needed = false;  ///< whether callhook cannot do without it
    std::optional<sources::api_failure> failure{};

    /// `ok`, or why not.
    [[nodiscard]] std::string result() const { return failure ? failure->message : "ok"; }
};

/// Asks one thing of each kind; stops after the first where the key is not taken. Loop thread.
boost::asio::awaitable<std::vector<key_trial>> try_key(sources::call_api& api);

}  // namespace callhook::app
