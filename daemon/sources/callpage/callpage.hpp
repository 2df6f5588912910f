#pragma once

#include "base/result.hpp"
#include "sources/source.hpp"

#include <memory>
#include <string>

/// The webhooks and call records of CallPage; `rest_client.hpp` is how to ask for records. Vendor facts are
/// from "CallPage REST and webhook documentation" (callpage.github.io/documentation-rest), section Webhooks,
/// unless another is named.
namespace callhook::sources::callpage {

struct settings {
    /// The zone of the vendor's wall-clock times, which carry no offset; no section says which it is.
    std::string time_zone = "Europe/Warsaw";
    /// The ISO 3166 country that phone numbers without an international prefix are read in.
    std::string default_region = "PL";
};

/// Makes the decoder of one CallPage source. Call it at start: it loads the zone from the system's time zone
/// database. Fails with `invalid_input` on an unknown zone or region, naming the value. The decoder is
/// immutable and safe from any thread; it keeps a parser and its buffers for each thread that uses it, up to
/// some 14 bytes a byte of the largest body seen there.
///
/// What it reads, beyond the documented payloads:
///  - the payload under `data`, as documented, or at the top level where it has an `event` or the shape of a
///  message;
///  - `{"data": ...}` around `call`, `call_attempt`, `manager`, `fields` and its entries, as other sections
///  show it;
///  - a number as a string of digits and the other way round ("Webhooks, call.completed" has durations as
///  strings);
///  - `null`, `[]` and `{}` where an object or a list belongs, as nothing (other sections show `"call":
///  {"data": []}`).
///
/// A payload without `event` is a new.message where it has the key `message_from_client`, or `number`
/// together with `widget` or `link` ("Webhooks, new.message" shows no event, id or status). Anything else is
/// unreadable: not JSON, not UTF-8 or with a byte order mark; nested deeper than 32; a key twice in one
/// object; U+0000 in a string; an integer beyond 64 bits; a documented key with a value of another type; an
/// unknown event; a call without an id above 0.
///
/// A record ("Calls, Get History", "Calls, Get Single Call") is `{"data": {...}, "id": ...}` or the inner
/// object alone, and unreadable for the same reasons. But any value may stand in a wrapper there, an empty
/// list or object is nothing known under every key, and a value of another type makes a record unreadable
/// only under `id`, `to`, `human_status` (or `status` in its place), `created_at`, `scheduled_at` and, for a
/// widget's call, `leadable_id`: elsewhere it is left out, since the documentation shows too few shapes.
result<std::shared_ptr<const decoder>> make_decoder(const settings& how);

}  // namespace callhook::sources::callpage
