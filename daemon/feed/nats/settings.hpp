#pragma once

#include "feed/nats/server_url.hpp"
#include "feed/nats/stream.hpp"
#include "store/queries.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace callhook::feed::nats {

/// Files with what proves who is who; paths, each empty where there is none. They are read at every
/// connection, so that renewed ones need no restart.
struct credentials {
    std::string user_file{};         ///< a user's JWT and seed, as `nsc` writes it
    std::string authorities_file{};  ///< instead of the system's; any of these three asks for TLS
    std::string certificate_file{};
    std::string key_file{};

    [[nodiscard]] bool tls() const { return !authorities_file.empty() || !certificate_file.empty(); }
};

struct settings {
    /// Of one cluster; one after the other is tried.
    std::vector<server> servers{};
    credentials who{};
    stream_rules stream{};
    /// Whether to make a stream that does not exist.
    bool create_stream = false;
    store::event_filter filter{};
    /// Most events on their way at once.
    std::size_t batch = 500;
    /// For connecting, for an answer, and for all acknowledgements of a batch.
    std::chrono::milliseconds timeout{5'000};
};

}  // namespace callhook::feed::nats
