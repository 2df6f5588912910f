#pragma once

#include "base/result.hpp"
#include "feed/cursor.hpp"
#include "store/consumers.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::feed::nats {

/// What the stream has to be.
struct stream_rules {
    std::string name = "callhook";
    std::string subject_prefix = "callhook";
    /// At least so many copies.
    std::int64_t replicas = 1;
};

/// A stream repeats no message id within this time at least.
inline constexpr std::chrono::minutes least_duplicate_window{2};

/// What JetStream tells of a stream.
struct stream_view {
    std::vector<std::string> subjects{};
    std::string storage{};
    std::string retention{};
    std::string discard{};
    std::int64_t replicas = 0;
    std::chrono::nanoseconds duplicate_window{0};
    std::int64_t max_messages_per_subject = -1;
    std::int64_t max_message_size = -1;
    bool no_ack = false;
    bool sealed = false;
    /// Whether it takes messages out of other streams.
    bool fed_by_streams = false;
    std::int64_t last_sequence = 0;
};

/// Reads the answer to STREAM.INFO or STREAM.CREATE. `not_found` where there is no such stream; `unavailable`
/// with what the server says for every other refusal.
result<stream_view> read_stream(std::string_view answer);

/// The `Nats-Msg-Id` in the answer to STREAM.MSG.GET; empty where the message has none or is not there any
/// more.
result<std::string> read_message_id(std::string_view answer);

/// The server's answer to a message: the sequence that it has in the stream.
struct acknowledgement {
    std::int64_t sequence = 0;
    /// It was there already.
    bool duplicate = false;
};

/// Reads it. `conflict` where the stream does not end as expected;`overloaded` where
/// a limit is reached; `unavailable` else.
result<acknowledgement> read_acknowledgement(std::string_view answer);

/// Everything about a stream that would break what is promised of it, each with what it should be; empty
/// where all is well.
std::vector<std::string> faults_of(const stream_view& stream, const stream_rules& rules);

/// The body of STREAM.CREATE for a stream of which all is well: without limits, so that nothing is lost that
/// nobody has read.
std::string definition(const stream_rules& rules);

/// Where to go on publishing.
struct resumption {
    store::publisher_place place{};
    /// What is worth a line in the log; empty where all is as it was left.
    std::string remark{};
    /// Set: publishing must not go on before somebody has decided.
    std::string halt{};
};

/// Compares what callhook remembers of its stream with what the stream holds. `last_id` is the id of the
/// stream's last message, empty where unknown.
resumption resume(
    const std::string& epoch,
    const store::publisher_place& remembered,
    std::int64_t last_sequence,
    std::string_view last_id
);

}  // namespace callhook::feed::nats
