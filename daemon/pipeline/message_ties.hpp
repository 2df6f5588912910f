#pragma once

#include "records/record_json.hpp"
#include "store/rows.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::pipeline {

/// The call that a message belongs to: the one its link names; else, of the calls of the same visitor at most
/// `window` from it, the nearest in time (of two equally near the one with the smaller id); else none.
/// Depends on the set of calls alone, so it comes out the same in whichever order message and calls arrived.
records::message_tie tie_message(
    const store::message_row& message, const std::vector<store::call_time>& calls, std::chrono::seconds window
);

/// What repeats of a message share: SHA-256 of its fact as it is stored, 32 bytes.
std::string content_hash(std::string_view stored_fact);

/// The row of a message: its fact, its identity and its tie.
store::message_row make_message_row(
    const lifecycle::message_fact& fact, const uuid& id, utc_time received_at
);

/// Ties the message and writes its record; whether its call changed.
bool retie(
    store::message_row& message, const std::vector<store::call_time>& calls, std::chrono::seconds window
);

}  // namespace callhook::pipeline
