#pragma once

#include "sources/source.hpp"
#include "store/rows.hpp"

namespace callhook::pipeline {

/// Reads a stored delivery: a webhook, or a record that the vendor's API gave. One that no decoder takes, and
/// one that breaks its decoder, is `unreadable`. Throws nothing but std::bad_alloc.
lifecycle::decoded decode(const sources::decoder_table& decoders, const store::pending_delivery& d);

}  // namespace callhook::pipeline
