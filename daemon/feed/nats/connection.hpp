#pragma once

#include "base/result.hpp"
#include "feed/nats/settings.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace callhook::feed::nats {

/// An event on its way.
struct message {
    std::string subject{};
    std::string id{};
    std::string body{};
};

/// What became of a batch.
struct published {
    /// So many of its messages, from the first, are in the stream for certain.
    std::size_t acknowledged = 0;
    /// So many of these were new to it.
    std::size_t stored = 0;
    /// The stream's last sequence after them.
    std::int64_t last_sequence = 0;
    /// Why not all of them. `conflict`: the stream does not end where it was expected to; look again. Else
    /// the connection is of no more use.
    std::optional<error> trouble{};
};

/// A connection to one NATS server, blocking, for one thread; only `cancel` may be called from others.
class connection {
public:
    connection();
    ~connection();
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    /// Connects; call it once. The message says what keeps it from that. It may take longer than `timeout`
    /// where a name is looked up or a TLS handshake hangs: the library bounds neither.
    result<void> open(const server& where, const credentials& who, std::chrono::milliseconds timeout);

    /// Asks and waits for the answer's body.
    result<std::string> request(const std::string& subject, const std::string& body);

    /// Publishes in order, all at once, and waits for the acknowledgements. The stream takes the first
    /// message only where its last sequence is `after`, and each other only right behind the one before it.
    /// So there is no gap whatever gets lost, and whoever else writes into the stream.
    published publish(const std::string& stream, const std::vector<message>& batch, std::int64_t after);

    /// Ends waiting within a moment; what was asked gives `cancelled`.
    void cancel() noexcept { cancelled_ = true; }

private:
    struct impl;
    std::atomic<bool> cancelled_{false};
    std::unique_ptr<impl> impl_;
};

}  // namespace callhook::feed::nats
