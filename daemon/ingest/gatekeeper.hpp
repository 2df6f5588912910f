#pragma once

#include "base/secret.hpp"
#include "ingest/client_address.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::ingest {

/// What a sender of one source must show.
struct source_access {
    /// One, or two while a secret is being changed.
    std::vector<secret> secrets{};
    /// `user:password`; empty: not asked for.
    secret basic_auth{};
    /// A header field that must be there with this value; an empty name: not asked for.
    std::string required_header{};
    secret required_header_value{};
    /// Empty: from anywhere.
    http::network_list allow{};
};

/// Tells authentic senders from others. Stateless after construction.
class gatekeeper {
public:
    explicit gatekeeper(std::map<std::string, source_access, std::less<>> sources);

    /// Whether the request may deliver to `source`. A wrong secret and an unknown source take the same work,
    /// and every live secret is compared, so that time tells nothing.
    [[nodiscard]] bool admits(
        std::string_view source,
        std::string_view path_secret,
        const http::request_head& head,
        const std::string& client
    ) const;

private:
    std::map<std::string, source_access, std::less<>> sources_;
    /// Stands in for a source that does not exist.
    source_access nobody_;
};

}  // namespace callhook::ingest
