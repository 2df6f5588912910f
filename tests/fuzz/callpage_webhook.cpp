// What CallPage sends, or anybody who knows the secret: any body to the decoder.
//
// Promises: the quick look says what the whole reading will come to; what is read keeps its content when it
// is stored and read back, makes a record that can be shown, and is the same fact however the JSON is spelt;
// a refusal says nothing of the body.
#include "fuzz/support.hpp"
#include "lifecycle/fold.hpp"
#include "records/fact_codec.hpp"
#include "records/record_json.hpp"
#include "sources/callpage/callpage.hpp"
#include "sources/callpage/canonical.hpp"
#include "sources/callpage/document.hpp"

namespace {

using namespace callhook;
using fuzz::require;

const sources::decoder& decoder() {
    static const auto made = sources::callpage::make_decoder({}).value();
    return *made;
}

void check_refusal(const std::string& reason) {
    require(
        !reason.empty() && reason.size() < 400 && fuzz::is_printable(reason), "a reason is fit to be shown"
    );
}

void check_fact(const lifecycle::call_fact& fact) {
    require(fact.key.id > 0 && fact.key.source == "demo", "a call has a key");
    lifecycle::fact_set facts;
    facts.insert({fact, lifecycle::origin::webhook, utc_time{std::chrono::hours{1}}, {}});
    const auto text = records::write_facts(facts);
    const auto again = records::read_facts(text, fact.key);
    require(again == facts, "a fact survives being stored");
    require(records::write_facts(again) == text, "a stored fact has one text");
    const auto shown = records::write_record(lifecycle::fold(facts).record);
    (void)parse_json(shown);
}

void check_fact(const lifecycle::message_fact& fact) {
    const auto text = records::write_message_fact(fact);
    require(records::read_message_fact(text, "demo") == fact, "a message survives being stored");
    const auto shown = records::write_message(fact, {}, {}, {});
    (void)parse_json(shown);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto body = fuzz::as_text(data, size);
    const auto glimpse = decoder().look(body);
    const auto decoded = decoder().decode("demo", body);
    const auto* refused = std::get_if<lifecycle::unreadable>(&decoded);
    require(glimpse.readable() == (refused == nullptr), "look and decode agree");
    if (refused != nullptr) {
        check_refusal(glimpse.quarantine_reason);
        check_refusal(refused->reason);
    } else if (const auto* call = std::get_if<lifecycle::call_fact>(&decoded)) {
        require(glimpse.event == lifecycle::event_name(call->kind), "look names the event");
        check_fact(*call);
    } else {
        require(glimpse.event == "new.message", "look names a message");
        check_fact(std::get<lifecycle::message_fact>(decoded));
    }

    const auto record = decoder().decode_record("demo", body);
    if (const auto* call = std::get_if<lifecycle::call_fact>(&record)) {
        require(call->kind == lifecycle::fact_kind::observed, "a record is an observation");
        check_fact(*call);
    } else {
        require(std::holds_alternative<lifecycle::unreadable>(record), "a record is no message");
        check_refusal(std::get<lifecycle::unreadable>(record).reason);
    }

    if (refused == nullptr) {
        const auto parsed = sources::callpage::parse_document(body);
        require(parsed.failure.empty(), "what was read can be parsed");
        const auto spelt = sources::callpage::canonical_json(parsed.root);
        require(decoder().decode("demo", spelt) == decoded, "another spelling is the same fact");
    }
    return 0;
}
