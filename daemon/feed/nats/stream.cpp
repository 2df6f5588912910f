#include "feed/nats/stream.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

namespace callhook::feed::nats {

namespace {

// JetStream's error codes.
constexpr std::int64_t stream_not_found = 10059;
constexpr std::int64_t no_message_found = 10037;
constexpr std::int64_t wrong_last_id = 10070;
constexpr std::int64_t wrong_last_sequence = 10071;
constexpr std::int64_t maximum_reached = 10077;

constexpr std::size_t longest_shown = 200;
constexpr std::chrono::minutes duplicate_window{10};
constexpr std::int64_t least_message_size = 1 << 20;

/// An answer as an object; what is none is empty.
json::object object_of(std::string_view answer) {
    boost::system::error_code failure;
    auto value = json::parse(json::string_view{answer.data(), answer.size()}, failure);
    return !failure && value.is_object() ? std::move(value.get_object()) : json::object{};
}

const json::object& part(const json::object& of, const char* name) {
    static const json::object none;
    const auto* found = of.if_contains(name);
    return found && found->is_object() ? found->get_object() : none;
}

std::string text(const json::object& of, const char* name) {
    const auto* found = of.if_contains(name);
    if (!found || !found->is_string()) return {};
    const auto& value = found->get_string();
    return std::string{value.data(), value.size()};
}

std::int64_t number(const json::object& of, const char* name, std::int64_t otherwise) {
    const auto* found = of.if_contains(name);
    if (!found) return otherwise;
    boost::system::error_code failure;
    const auto value = found->to_number<std::int64_t>(failure);
    return failure ? otherwise : value;
}

bool flag(const json::object& of, const char* name) {
    const auto* found = of.if_contains(name);
    return found && found->is_bool() && found->get_bool();
}

bool holds(const json::object& of, const char* name) {
    const auto* found = of.if_contains(name);
    if (!found || found->is_null()) return false;
    return !found->is_array() || !found->get_array().empty();
}

std::int64_t error_code(const json::object& answer) {
    return number(part(answer, "error"), "err_code", 0);
}

/// What the server says, fit to be shown.
std::string complaint(const json::object& answer) {
    const auto said = text(part(answer, "error"), "description");
    if (said.empty()) return "the NATS server gave an answer that is none of JetStream's";
    return "the NATS server says: " + escape_controls(std::string_view{said}.substr(0, longest_shown));
}

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words)
        out += (out.empty() ? "" : ", ") + word;
    return out.empty() ? "none" : escape_controls(std::string_view{out}.substr(0, longest_shown));
}

std::optional<std::int64_t> position_in(const std::string& epoch, std::string_view id) {
    if (!id.starts_with(epoch + ".")) return {};
    return parse_integer<std::int64_t>(id.substr(epoch.size() + 1));
}

}  // namespace

result<stream_view> read_stream(std::string_view answer) {
    const auto whole = object_of(answer);
    if (error_code(whole) == stream_not_found)
        return error{errc::not_found, "the stream does not exist on the NATS server"};
    const auto& config = part(whole, "config");
    if (holds(whole, "error") || config.empty()) return error{errc::unavailable, complaint(whole)};
    stream_view out;
    if (const auto* subjects = config.if_contains("subjects"); subjects && subjects->is_array()) {
        for (const auto& one : subjects->get_array()) {
            if (one.is_string()) out.subjects.emplace_back(one.get_string());
        }
    }
    out.storage = text(config, "storage");
    out.retention = text(config, "retention");
    out.discard = text(config, "discard");
    out.replicas = number(config, "num_replicas", 1);
    out.duplicate_window = std::chrono::nanoseconds{number(config, "duplicate_window", 0)};
    out.max_messages_per_subject = number(config, "max_msgs_per_subject", -1);
    out.max_message_size = number(config, "max_msg_size", -1);
    out.no_ack = flag(config, "no_ack");
    out.sealed = flag(config, "sealed");
    out.fed_by_streams = holds(config, "mirror") || holds(config, "sources");
    out.last_sequence = number(part(whole, "state"), "last_seq", 0);
    return out;
}

result<std::string> read_message_id(std::string_view answer) {
    const auto whole = object_of(answer);
    if (error_code(whole) == no_message_found) return std::string{};
    if (!holds(whole, "message")) return error{errc::unavailable, complaint(whole)};
    const auto headers = base64_decode(text(part(whole, "message"), "hdrs")).value_or("");
    constexpr std::string_view wanted = "Nats-Msg-Id";
    for (const auto line : split(headers, '\n')) {
        const auto colon = line.find(':');
        if (colon == std::string_view::npos || !equals_ignoring_case(line.substr(0, colon), wanted)) continue;
        return std::string{trim(line.substr(colon + 1))};
    }
    return std::string{};
}

result<acknowledgement> read_acknowledgement(std::string_view answer) {
    const auto whole = object_of(answer);
    const auto sequence = number(whole, "seq", 0);
    if (!holds(whole, "error") && sequence > 0) return acknowledgement{sequence, flag(whole, "duplicate")};
    switch (error_code(whole)) {
        case wrong_last_id:
        case wrong_last_sequence:
            return error{errc::conflict, complaint(whole)};
        case maximum_reached:
            return error{errc::overloaded, complaint(whole)};
        default:
            return error{errc::unavailable, complaint(whole)};
    }
}

std::vector<std::string> faults_of(const stream_view& stream, const stream_rules& rules) {
    std::vector<std::string> out;
    const auto all = rules.subject_prefix + ".>";
    if (stream.subjects != std::vector{all})
        out.push_back("its subjects are " + joined(stream.subjects) + " and must be " + all + " alone");
    const auto expect = [&](const char* what, const std::string& found, const char* wanted) {
        if (found != wanted)
            out.push_back(std::string{what} + " is " + joined({found}) + " and must be " + wanted);
    };
    expect("its storage", stream.storage, "file");
    expect("its retention", stream.retention, "limits");
    expect("its discard policy", stream.discard, "old");
    if (stream.replicas < rules.replicas) {
        out.push_back(
            "it has " + std::to_string(stream.replicas) + " replicas, and nats.replicas asks for " +
            std::to_string(rules.replicas)
        );
    }
    if (stream.duplicate_window < least_duplicate_window) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(stream.duplicate_window);
        out.push_back(
            "its duplicate window is " + std::to_string(seconds.count()) + " s and must be 2 minutes at least"
        );
    }
    if (stream.max_messages_per_subject > 0)
        out.emplace_back("it limits the messages per subject, and must not");
    if (stream.max_message_size >= 0 && stream.max_message_size < least_message_size)
        out.emplace_back("it limits the size of a message, and must take 1 MiB at least");
    if (stream.no_ack) out.emplace_back("it acknowledges nothing, and must");
    if (stream.sealed) out.emplace_back("it is sealed");
    if (stream.fed_by_streams)
        out.emplace_back("it takes messages of other streams, and must be callhook's alone");
    return out;
}

std::string definition(const stream_rules& rules) {
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(duplicate_window).count();
    json::object out{
        {"name", rules.name},
        {"description", "Events of callhook. Published by callhook alone, in the order of its feed."},
        {"subjects", json::array{json::value(rules.subject_prefix + ".>")}},
        {"storage", "file"},
        {"num_replicas", rules.replicas},
        {"retention", "limits"},
        {"discard", "old"},
        {"duplicate_window", nanoseconds},
        {"max_msgs", -1},
        {"max_bytes", -1},
        {"max_age", 0},
        {"max_msgs_per_subject", -1},
        {"max_msg_size", -1},
        {"max_consumers", -1},
        {"allow_direct", true}};
    return json::serialize(out);
}

resumption resume(
    const std::string& epoch,
    const store::publisher_place& remembered,
    std::int64_t last_sequence,
    std::string_view last_id
) {
    const store::publisher_place as_it_is{remembered.position, last_sequence};
    // New, or reset: whoever did that has seen the stream.
    if (!remembered.stream_sequence || *remembered.stream_sequence == last_sequence) return {as_it_is};
    const auto there = position_in(epoch, last_id);
    if (last_sequence > *remembered.stream_sequence) {
        if (there && *there > remembered.position) {
            return {
                {*there, last_sequence},
                "the stream holds events whose acknowledgement was lost; publishing goes on after them"};
        }
        return {
            as_it_is, "the stream holds messages that callhook does not know; it must be callhook's alone"};
    }
    if (there && *there <= remembered.position) {
        return {
            {*there, last_sequence},
            "the stream has lost events that it had acknowledged; they are published again"};
    }
    return {
        remembered,
        {},
        "the stream was emptied or made anew since events were published to it. Decide what it is to hold, "
        "by POST "
        "/v1/consumers/nats/reset: the position \"0\" publishes everything again, the present position goes "
        "on"};
}

}  // namespace callhook::feed::nats
