#pragma once

#include "http/client.hpp"
#include "store/rows.hpp"

#include <string>
#include <string_view>

namespace callhook::feed::outbound {

/// How an event stands in a request (CloudEvents HTTP binding 1.0.2): whole in the body, or with its
/// attributes as `ce-…` fields and its data as the body.
enum class content_mode { structured, binary };

/// The POST that tells of an event: fields, `Content-Type` among them, and body; the target and what signs it
/// are the sender's. It may be sent again, as receivers know an event by its id. The same event gives the
/// same bytes always. Throws std::exception where the stored text is no JSON object.
http::client_request render_post(const std::string& epoch, const store::event_row& event, content_mode mode);

/// The value of an attribute as a field's value: blanks, double quotes, percent signs and all that is not
/// printable ASCII as `%XY` (section 3.1.3.2).
std::string encode_attribute(std::string_view value);

}  // namespace callhook::feed::outbound
