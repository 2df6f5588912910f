// What servers answer callhook: raw bytes to http/client_answer. The first byte picks bounds, and whether it
// was a HEAD.
//
// Promises: how the bytes come in portions does not matter; bounds hold; an error says nothing of the answer.
#include "fuzz/support.hpp"
#include "http/client_answer.hpp"

#include <optional>
#include <string>

namespace {

using callhook::fuzz::require;
using callhook::http::answer_reader;

struct told {
    bool whole = false;
    std::optional<std::string> failure;
    bool ends_well = false;
    bool reusable = false;
    unsigned status = 0;
    std::string body;
    std::size_t fields = 0;

    /// What is malformed may be noticed late where it comes in small portions, but then it never gets whole.
    [[nodiscard]] bool failed() const { return failure || (!whole && !ends_well); }
};

told read(std::string_view bytes, std::size_t portion, const answer_reader::bounds& limits, bool to_head) {
    told out;
    answer_reader reader{limits, to_head};
    for (std::size_t at = 0; at < bytes.size() && !out.whole && !out.failure; at += portion) {
        const auto took = reader.take(bytes.substr(at, portion));
        if (took.has_error())
            out.failure = took.error().message;
        else
            out.whole = *took;
    }
    if (out.failure) return out;
    out.ends_well = reader.end(true).has_value();
    if (!out.whole && !out.ends_well) return out;
    // What follows an answer is noticed only where it came with it.
    if (portion >= bytes.size()) out.reusable = out.whole && reader.reusable();
    const auto answer = reader.release();
    out.status = answer.status;
    out.body = answer.body;
    out.fields = answer.fields.size();
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace callhook;
    fuzz::input in{fuzz::as_text(data, size)};
    const auto how = in.byte();
    const answer_reader::bounds limits{512, 64, (how & 1U) != 0};
    const bool to_head = (how & 2U) != 0;
    const auto bytes = in.rest();

    const auto whole = read(bytes, bytes.size() + 1, limits, to_head);
    if (whole.failure) {
        require(
            fuzz::is_printable(*whole.failure) && whole.failure->size() < 200, "an error is fit to be shown"
        );
    } else {
        require(whole.body.size() <= limits.max_body, "the bound of a body holds");
        require(!whole.whole || whole.status >= 200, "a whole answer is final");
        require(!to_head || whole.body.empty(), "a HEAD's answer has no body");
    }
    const auto portioned = read(bytes, 1 + (how >> 2U), limits, to_head);
    require(portioned.failed() == whole.failed(), "portions do not matter to failing");
    if (whole.failed()) return 0;
    require(
        portioned.whole == whole.whole && portioned.ends_well == whole.ends_well,
        "portions do not matter to ending"
    );
    require(
        portioned.status == whole.status && portioned.fields == whole.fields,
        "portions do not matter to the head"
    );
    require(portioned.body == whole.body, "portions do not matter to the body");
    return 0;
}
