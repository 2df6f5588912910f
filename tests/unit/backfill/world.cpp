#include "world.hpp"

#include "base/time_text.hpp"
#include "records/fact_codec.hpp"
#include "sources/callpage/callpage.hpp"

#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace callhook::backfill {

namespace {

using sources::api_failure;

/// As the vendor writes it: no offset. The source's zone is UTC here.
std::string vendor_time(utc_time at) {
    auto text = to_rfc3339(utc_time{std::chrono::floor<std::chrono::seconds>(at)}).substr(0, 19);
    text[10] = ' ';
    return text;
}

}  // namespace

// The vendor ----------------------------------------------------------------------------------------------

std::string vendor_call::visitor() const {
    return phone.empty() ? "+48" + std::to_string(600'000'000 + id) : phone;
}

std::string vendor_call::record() const {
    return R"({"id":)" + std::to_string(id) + R"(,"human_status":")" + status + R"(","to":")" + visitor() +
           R"(","leadable_id":3,"created_at":")" + vendor_time(created_at) + '"' + more + '}';
}

std::string vendor_call::webhook(const std::string& event) const {
    return R"({"data":{"event":")" + event + R"(","id":)" + std::to_string(id) + R"(,"to":")" + visitor() +
           R"(","widget_id":3,"created_at":")" + vendor_time(created_at) + R"("}})";
}

asio::awaitable<std::optional<api_failure>> fake_api::travel(std::string operation) {
    most_under_way = std::max(most_under_way, ++under_way);
    if (delay.count() > 0) {
        asio::steady_timer timer{co_await asio::this_coro::executor, delay};
        co_await timer.async_wait(asio::use_awaitable);
    }
    std::optional<api_failure> failed;
    if (way != nullptr) {
        sources::api_request what{operation, "/" + operation};
        const auto answer = co_await way->get(std::move(what));
        if (!answer) {
            failed = answer.error();
        } else if (answer->status >= 400) {
            const auto kind = answer->status >= 500   ? api_failure::kind::broken
                              : answer->status == 401 ? api_failure::kind::unauthorized
                                                      : api_failure::kind::rejected;
            failed = api_failure{kind, "status " + std::to_string(answer->status), answer->status, {}};
        }
        if (answer) co_await way->judge(operation, answer->mark, failed ? &*failed : nullptr);
    }
    if (!failed && !failures.empty()) {
        failed = failures.front();
        failures.pop_front();
    }
    --under_way;
    co_return failed;
}

asio::awaitable<sources::api_result<void>> fake_api::greet() {
    co_return api_failure{api_failure::kind::paused, "nobody asks that here", 0, {}};
}

asio::awaitable<sources::api_result<std::string>> fake_api::call(std::int64_t id) {
    asked.push_back(id);
    const auto failed = co_await travel("call");
    if (failed) co_return *failed;
    for (const auto& c : history) {
        if (c.id == id) co_return c.record();
    }
    co_return api_failure{api_failure::kind::not_found, "no such call", 404, {}};
}

asio::awaitable<sources::api_result<sources::call_page>> fake_api::calls(sources::call_filter filter) {
    filters.push_back(filter);
    const auto failed = co_await travel("calls");
    if (failed) co_return *failed;
    ++pages;
    if (before_page) before_page(pages);
    std::vector<const vendor_call*> found;
    for (const auto& c : history) {
        if ((!filter.from || c.created_at >= *filter.from) && (!filter.to || c.created_at <= *filter.to))
            found.push_back(&c);
    }
    if (ignores_offset) filter.offset = 0;
    sources::call_page page;
    const auto end = std::min(found.size(), filter.offset + std::min(filter.limit, largest_page));
    for (auto i = filter.offset; i < end; ++i)
        page.records.push_back(found[i]->record());
    if (tells_count) page.count = static_cast<std::int64_t>(found.size()) + counts_too_many;
    co_return page;
}

asio::awaitable<sources::api_result<std::vector<sources::widget>>> fake_api::widgets() {
    ++widgets_asked;
    const auto failed = co_await travel("widgets");
    if (failed) co_return *failed;
    co_return widget_list;
}

asio::awaitable<sources::api_result<std::vector<sources::person>>> fake_api::users() {
    co_return std::vector<sources::person>{};
}

asio::awaitable<sources::api_result<std::vector<sources::person>>> fake_api::managers(std::int64_t) {
    co_return std::vector<sources::person>{};
}

// The world -----------------------------------------------------------------------------------------------

world::world() : decoder{sources::callpage::make_decoder({"UTC", "PL"}).value()} {
    own_store.open_sources({"main"}, now() - std::chrono::hours{48});
    how.page_size = 10;
    how.settle = std::chrono::milliseconds{100};
    how.retry_first = std::chrono::milliseconds{2};
    how.retry_longest = std::chrono::milliseconds{10};
    how.poll_interval = std::chrono::milliseconds{10};
}

world::~world() {
    pool.stop();
}

vendor_call& world::vendor_has(std::int64_t id, std::chrono::seconds ago, std::string status) {
    vendor_call c;
    c.id = id;
    c.created_at = std::chrono::floor<std::chrono::seconds>(now() - ago);
    c.status = std::move(status);
    const auto place = std::find_if(api.history.begin(), api.history.end(), [&](const auto& other) {
        return other.created_at <= c.created_at;
    });
    return *api.history.insert(place, std::move(c));
}

void world::webhook_came(const vendor_call& c, const std::string& event) {
    lifecycle::delivery d;
    d.id = store::test_id(++deliveries_, c.created_at);
    d.source = "main";
    d.received_at = c.created_at + std::chrono::seconds{1};
    d.body = c.webhook(event);
    sequence(d);
}

void world::all_webhooks_came(const vendor_call& c) {
    webhook_came(c, "call.new");
    if (c.status == "completed") webhook_came(c, "call.completed");
    if (c.status == "user-failed") webhook_came(c, "call.missed");
}

void world::sequence(const lifecycle::delivery& d) {
    auto what = d.from == lifecycle::origin::backfill ? decoder->decode_record(d.source, d.body)
                                                      : decoder->decode(d.source, d.body);
    auto fact = std::get<lifecycle::call_fact>(std::move(what));
    const auto key = fact.key;
    auto& facts = stored[key.id];
    facts.insert({std::move(fact), d.from, d.received_at, d.id});
    const auto record = lifecycle::fold(facts).record;
    const auto& created = record.fields.created_at;
    const auto created_at = created && created->at ? store::sql_text(to_rfc3339(*created->at)) : "NULL";
    db.exec(
        "INSERT INTO calls (source, id, phase, created_at, at, record, facts) VALUES ('main', " +
        std::to_string(key.id) + ", " + store::sql_text(lifecycle::to_string(record.phase)) + ", " +
        created_at + ", " + store::sql_text(to_rfc3339(d.received_at)) + ", '{}', " +
        store::sql_text(records::write_facts(facts)) +
        ") ON CONFLICT (source, id) DO UPDATE SET phase = excluded.phase, facts = excluded.facts"
    );
}

std::vector<std::int64_t> world::appended_ids() const {
    std::vector<std::int64_t> ids;
    for (const auto& d : appended)
        ids.push_back(std::get<lifecycle::call_fact>(decoder->decode_record("main", d.body)).key.id);
    std::sort(ids.begin(), ids.end());
    return ids;
}

append_function world::make_append() {
    return [this](lifecycle::delivery d) -> asio::awaitable<result<void>> {
        if (!append_fails) {
            if (sequences) sequence(d);
            appended.push_back(std::move(d));
        }
        co_return append_outcome();
    };
}

result<void> world::append_outcome() const {
    if (append_fails) return *append_fails;
    return {};
}

std::unique_ptr<reconciler> world::make_reconciler() {
    return std::make_unique<reconciler>(
        loop.get_executor(), "main", api, decoder, pool, make_append(), how, clock, metrics
    );
}

outcome<sweep_report> world::sweep(reconciler& with, stretch over, sweep_options options) {
    return run(with.sweep(over, std::move(options)));
}

outcome<sweep_report> world::sweep(sweep_options options) {
    const auto with = make_reconciler();
    return sweep(*with, day(), std::move(options));
}

void world::run_until(const std::function<bool()>& done, std::chrono::seconds longest) {
    const auto deadline = std::chrono::steady_clock::now() + longest;
    while (!done() && std::chrono::steady_clock::now() < deadline) {
        loop.run_one_for(std::chrono::milliseconds{20});
    }
    if (!done()) {
        std::cerr << "waited in vain\n";
        std::abort();
    }
}

void world::run_for(std::chrono::milliseconds time) {
    loop.run_for(time);
}

void world::later(std::chrono::milliseconds after, std::function<void()> what) {
    auto timer = std::make_shared<asio::steady_timer>(loop, after);
    timer->async_wait([timer, what = std::move(what)](const boost::system::error_code&) { what(); });
}

}  // namespace callhook::backfill
