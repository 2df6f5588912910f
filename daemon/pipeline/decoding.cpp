#include "pipeline/decoding.hpp"

#include "base/log.hpp"

namespace callhook::pipeline {

lifecycle::decoded decode(const sources::decoder_table& decoders, const store::pending_delivery& d) {
    const auto decoder = decoders.find(d.source);
    if (decoder == decoders.end()) return lifecycle::unreadable{"the source is not configured any more"};
    try {
        const bool asked_for = d.from == lifecycle::origin::backfill;
        return asked_for ? decoder->second->decode_record(d.source, d.body)
                         : decoder->second->decode(d.source, d.body);
    } catch (const std::exception&) {
        log::error("the decoder broke on a delivery", {{"delivery", to_string(d.id)}, {"source", d.source}});
        return lifecycle::unreadable{"the decoder broke on it"};
    }
}

}  // namespace callhook::pipeline
