// What `calls.facts` and `messages.fact` hold, read back. Promises: anything but what callhook wrote is
// refused by an exception and nothing worse; what is read has one text, and folds.
#include "fuzz/support.hpp"
#include "lifecycle/fold.hpp"
#include "records/fact_codec.hpp"

#include <exception>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace callhook;
    const auto text = fuzz::as_text(data, size);
    const lifecycle::call_key key{"demo", 7};
    std::optional<lifecycle::fact_set> facts;
    try {
        facts = records::read_facts(text, key);
    } catch (const std::exception&) {
    }
    if (facts) {
        const auto written = records::write_facts(*facts);
        const auto again = records::read_facts(written, key);
        fuzz::require(again == *facts, "facts read back");
        fuzz::require(records::write_facts(again) == written, "facts have one text");
        if (!facts->empty()) (void)lifecycle::fold(*facts);
    }
    std::optional<lifecycle::message_fact> message;
    try {
        message = records::read_message_fact(text, "demo");
    } catch (const std::exception&) {
    }
    if (message) {
        const auto written = records::write_message_fact(*message);
        fuzz::require(records::read_message_fact(written, "demo") == *message, "a message reads back");
    }
    return 0;
}
