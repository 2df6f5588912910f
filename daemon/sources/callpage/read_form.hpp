#pragma once

#include "sources/callpage/reader.hpp"

#include <vector>

namespace callhook::sources::callpage {

/// Reads the answers of a form, which webhooks ("Webhooks, data.added": `fields`) and records ("Calls, Get
/// History": `call_request_fields`) have alike, so that equal content makes equal fields. Fails as `reader`
/// does.
bool read_form(reader& in, std::vector<raw_form_field>& out, dom::element list);

}  // namespace callhook::sources::callpage
