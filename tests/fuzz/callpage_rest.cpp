// What CallPage's REST API answers. The input's first line is the field Retry-After, its first byte picks the
// status, the rest is the body.
//
// Promises: all readers refuse a refusal alike; what is read of a list can be read on, entry by entry; a
// failure says nothing of the answer.
#include "fuzz/support.hpp"
#include "records/fact_codec.hpp"
#include "records/record_json.hpp"
#include "sources/callpage/callpage.hpp"
#include "sources/callpage/rest_answers.hpp"
#include "sources/retry_after.hpp"

namespace {

using namespace callhook;
using namespace callhook::sources;
using fuzz::require;

const decoder& records_of() {
    static const auto made = callpage::make_decoder({}).value();
    return *made;
}

constexpr utc_time now{std::chrono::seconds{1'473'336'000}};
constexpr unsigned statuses[] = {
    200, 200, 200, 200, 200, 200, 301, 400, 401, 403, 404, 422, 429, 500, 503, 0};

template <class Result>
void check(const Result& given, const api_result<void>& greeting) {
    if (greeting.has_error())
        require(given.has_error() && given.error() == greeting.error(), "all refuse alike");
    if (given.has_value()) return;
    const auto& failure = given.error();
    require(
        !failure.message.empty() && failure.message.size() < 300, "a failure says what it is, and no more"
    );
    require(fuzz::is_printable(failure.message), "a failure is fit to be shown");
    if (failure.retry_after)
        require(
            failure.retry_after->count() >= 0 && *failure.retry_after <= longest_retry_after,
            "a wait is bounded"
        );
}

void check_record(const std::string& text) {
    const auto decoded = records_of().decode_record("demo", text);
    const auto* fact = std::get_if<lifecycle::call_fact>(&decoded);
    if (fact == nullptr) return;
    const lifecycle::fact_set facts{{{*fact, lifecycle::origin::backfill, now, {}}}};
    require(
        records::read_facts(records::write_facts(facts), fact->key) == facts, "a record survives being stored"
    );
    (void)records::write_record(lifecycle::fold(facts).record);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in{fuzz::as_text(data, size)};
    api_answer answer;
    answer.status = statuses[in.below(std::size(statuses))];
    answer.retry_after = in.until('\n');
    answer.body = in.rest();

    const auto greeting = callpage::read_greeting(answer, now);
    check(greeting, greeting);
    const auto call = callpage::read_call(answer, now);
    check(call, greeting);
    if (call.has_value()) check_record(*call);
    const auto history = callpage::read_history(answer, now);
    check(history, greeting);
    if (history.has_value()) {
        for (const auto& record : history->records)
            check_record(record);
    }
    const auto widgets = callpage::read_widgets(answer, now);
    check(widgets, greeting);
    if (widgets.has_value()) {
        for (const auto& w : widgets->items)
            require(w.id > 0, "a widget has an id");
    }
    const auto users = callpage::read_users(answer, now);
    check(users, greeting);
    const auto managers = callpage::read_managers(answer, now);
    check(managers, greeting);
    return 0;
}
