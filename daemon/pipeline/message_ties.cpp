#include "pipeline/message_ties.hpp"

#include "base/digest.hpp"
#include "records/fact_codec.hpp"

#include <tuple>

namespace callhook::pipeline {

records::message_tie tie_message(
    const store::message_row& message, const std::vector<store::call_time>& calls, std::chrono::seconds window
) {
    if (message.linked_call) return {message.linked_call, "link"};
    if (!message.phone || !message.widget_id) return {};
    std::optional<std::tuple<utc_time::duration, std::int64_t>> nearest;
    for (const auto& call : calls) {
        if (call.key.source != message.source || call.phone != *message.phone ||
            call.widget_id != *message.widget_id)
            continue;
        const auto apart = std::chrono::abs(call.created_at - message.received_at);
        const std::tuple candidate{apart, call.key.id};
        if (apart <= window && (!nearest || candidate < *nearest)) nearest = candidate;
    }
    if (!nearest) return {};
    return {std::get<1>(*nearest), "visitor"};
}

std::string content_hash(std::string_view stored_fact) {
    const auto digest = sha256(stored_fact);
    return {digest.begin(), digest.end()};
}

store::message_row make_message_row(
    const lifecycle::message_fact& fact, const uuid& id, utc_time received_at
) {
    store::message_row row;
    row.id = id;
    row.source = fact.source;
    row.fact = records::write_message_fact(fact);
    row.content_hash = content_hash(row.fact);
    row.received_at = received_at;
    if (fact.phone) row.phone = fact.phone->e164;
    row.widget_id = fact.widget_id;
    row.linked_call = fact.linked_call;
    retie(row, {}, {});
    return row;
}

bool retie(
    store::message_row& message, const std::vector<store::call_time>& calls, std::chrono::seconds window
) {
    const auto tie = tie_message(message, calls, window);
    const bool changed = tie.call_id != message.call_id;
    message.call_id = tie.call_id;
    const auto fact = records::read_message_fact(message.fact, message.source);
    message.record = records::write_message(fact, message.id, message.received_at, tie);
    return changed;
}

}  // namespace callhook::pipeline
