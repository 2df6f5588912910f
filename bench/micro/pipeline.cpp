#include "base/phone.hpp"
#include "lifecycle/correlator.hpp"
#include "pipeline/batch.hpp"
#include "pipeline/call_book.hpp"
#include "quiet_transaction.hpp"
#include "records/fact_codec.hpp"
#include "records/record_json.hpp"
#include "sources/callpage/callpage.hpp"

#include <benchmark/benchmark.h>
#include <string>

namespace callhook::bench {
namespace {

constexpr std::string_view source = "demo";
constexpr utc_time received{std::chrono::seconds{1'473'341'600}};
constexpr std::size_t deliveries_in_batch = 1'000;

/// The two webhooks that nearly every call consists of, as the vendor documents them. Every visitor has a
/// number of his own; managers are few.
std::string order_of(std::int64_t id) {
    return R"({"data":{"event":"call.new","id":)" + std::to_string(id) +
           R"(,"status":"new","ref_id":null,"to":"+4888)" + std::to_string(8'000'000 + id % 1'000'000) +
           R"(","widget_id":3,"created_at":"2016-09-08 13:32:54","scheduled_at":null,"request":null,)"
           R"("call":null,"call_attempt":null,"call_attempts_count":0,"fields":null}})";
}

std::string completion_of(std::int64_t id) {
    return R"({"data":{"event":"call.completed","id":)" + std::to_string(id) +
           R"(,"status":"completed","ref_id":null,"to":"+4888)" + std::to_string(8'000'000 + id % 1'000'000) +
           R"(","widget_id":3,"created_at":"2016-09-08 13:32:54","scheduled_at":null,"request":null,)"
           R"("call":{"direction":"ab","queued_at":"2016-09-08 13:33:03","started_at":"2016-09-08 13:33:25",)"
           R"("dialed_at_a":"2016-09-08 13:33:17","dialed_at_b":"2016-09-08 13:33:21",)"
           R"("answered_at_a":"2016-09-08 13:33:22","answered_at_b":"2016-09-08 13:33:25",)"
           R"("ended_at_a":"2016-09-08 13:37:33","ended_at_b":"2016-09-08 13:37:25","dialed_time_a":"14",)"
           R"("answered_time_a":"5","dialed_time_b":"18","answered_time_b":"4","billing_time":"248",)"
           R"("recording":null},"call_attempt":{"manager":{"id":4,"name":"Admin","tel":"+48570934649",)"
           R"("email":"admin@callpage.io"}},"call_attempts_count":1,"fields":null}})";
}

const sources::decoder_table& decoders() {
    static const sources::decoder_table table{
        {std::string{source}, sources::callpage::make_decoder({}).value()}};
    return table;
}

lifecycle::observation seen(const std::string& body, std::uint8_t number) {
    auto read = decoders().begin()->second->decode(source, body);
    uuid id;
    id.bytes[15] = number;
    return {
        std::get<lifecycle::call_fact>(std::move(read)),
        lifecycle::origin::webhook,
        received + std::chrono::minutes{number},
        id};
}

lifecycle::fact_set whole_call() {
    return lifecycle::fact_set{{seen(order_of(7), 1), seen(completion_of(7), 2)}};
}

void decode(benchmark::State& state) {
    const auto& decoder = *decoders().begin()->second;
    const auto body = completion_of(7);
    for (auto _ : state)
        benchmark::DoNotOptimize(decoder.decode(source, body));
}
BENCHMARK(decode);

void phone_number(benchmark::State& state) {
    for (auto _ : state)
        benchmark::DoNotOptimize(to_e164("+48888888769", "PL"));
}
BENCHMARK(phone_number);

void correlate_first(benchmark::State& state) {
    const auto order = seen(order_of(7), 1);
    for (auto _ : state) {
        lifecycle::fact_set facts;
        benchmark::DoNotOptimize(lifecycle::correlate(facts, order));
    }
}
BENCHMARK(correlate_first);

void correlate_second(benchmark::State& state) {
    const auto completion = seen(completion_of(7), 2);
    const lifecycle::fact_set one{{seen(order_of(7), 1)}};
    const auto before = lifecycle::fold(one);
    for (auto _ : state) {
        auto facts = one;
        benchmark::DoNotOptimize(lifecycle::correlate(facts, before, completion));
    }
}
BENCHMARK(correlate_second);

void fold(benchmark::State& state) {
    const auto facts = whole_call();
    for (auto _ : state)
        benchmark::DoNotOptimize(lifecycle::fold(facts));
}
BENCHMARK(fold);

void record_as_json(benchmark::State& state) {
    const auto record = lifecycle::fold(whole_call()).record;
    for (auto _ : state)
        benchmark::DoNotOptimize(records::write_record(record));
}
BENCHMARK(record_as_json);

void facts_to_text(benchmark::State& state) {
    const auto facts = whole_call();
    for (auto _ : state)
        benchmark::DoNotOptimize(records::write_facts(facts));
}
BENCHMARK(facts_to_text);

void facts_from_text(benchmark::State& state) {
    const auto text = records::write_facts(whole_call());
    const lifecycle::call_key key{std::string{source}, 7};
    for (auto _ : state)
        benchmark::DoNotOptimize(records::read_facts(text, key));
}
BENCHMARK(facts_from_text);

void event_as_text(benchmark::State& state) {
    const auto record = lifecycle::fold(whole_call()).record;
    for (auto _ : state)
        benchmark::DoNotOptimize(records::write_event(
            {"call.completed",
             std::string{source},
             "calls/7",
             received,
             received,
             "webhook",
             uuid{},
             records::write_record(record),
             {}}
        ));
}
BENCHMARK(event_as_text);

std::vector<store::pending_delivery> deliveries(std::string (*body)(std::int64_t)) {
    std::vector<store::pending_delivery> out;
    for (std::size_t i = 0; i < deliveries_in_batch; ++i) {
        uuid id;
        id.bytes[14] = static_cast<std::uint8_t>(i >> 8);
        id.bytes[15] = static_cast<std::uint8_t>(i);
        out.push_back(
            {id,
             std::string{source},
             lifecycle::origin::webhook,
             received,
             body(static_cast<std::int64_t>(i + 1)),
             {}}
        );
    }
    return out;
}

/// A batch of calls' first or second webhooks: all that the sequencer does but the database. Times are a
/// batch's.
void whole_batch(benchmark::State& state, bool second) {
    const auto orders = deliveries(order_of);
    const auto next = second ? deliveries(completion_of) : orders;
    quiet_transaction known;
    if (second) {
        known.pending = orders;
        pipeline::sequence_batch(known, decoders(), {}, received);
        known.keep();
    }
    for (auto _ : state) {
        state.PauseTiming();
        known.pending = next;
        state.ResumeTiming();
        benchmark::DoNotOptimize(pipeline::sequence_batch(known, decoders(), {}, received));
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * deliveries_in_batch));
}
BENCHMARK_CAPTURE(whole_batch, of_first_webhooks, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(whole_batch, of_second_webhooks, true)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace callhook::bench

BENCHMARK_MAIN();
