#include "pipeline/rebuild.hpp"

#include "pipeline/call_book.hpp"
#include "pipeline/decoding.hpp"
#include "pipeline/message_ties.hpp"
#include "store/rebuild_store.hpp"

#include <map>

namespace callhook::pipeline {

namespace {

class rebuilding {
public:
    rebuilding(
        store::sequencer_transaction& tx,
        store::rebuild_source& source,
        const sources::decoder_table& decoders,
        const settings& how,
        const std::function<void(std::int64_t, std::int64_t)>& progress
    )
        : tx_{tx},
          source_{source},
          decoders_{decoders},
          how_{how},
          progress_{progress},
          all_{source.deliveries()} {}

    rebuild_report run() {
        rebuild_calls();
        rebuild_messages();
        const auto final = source_.final_records();
        report_.calls_final = final.calls;
        report_.messages_final = final.messages;
        return report_;
    }

private:
    template <class Fact>
    std::optional<Fact> read(const store::pending_delivery& d) {
        ++report_.deliveries;
        auto what = decode(decoders_, d);
        if (auto* fact = std::get_if<Fact>(&what)) return std::move(*fact);
        ++report_.unreadable;
        return {};
    }

    /// Deliveries come call by call, so a call is whole when the next one begins.
    void rebuild_calls() {
        std::map<lifecycle::call_key, lifecycle::fact_set> whole;
        std::optional<lifecycle::call_key> current;
        lifecycle::fact_set facts;
        const auto close = [&] {
            if (current && !facts.empty()) whole.emplace(*current, std::exchange(facts, {}));
        };
        for (auto page = source_.next_of_calls(); !page.empty(); page = source_.next_of_calls()) {
            for (auto& d : page) {
                const lifecycle::call_key key{d.delivery.source, *d.call_id};
                if (current != key) {
                    close();
                    current = key;
                }
                if (auto fact = read<lifecycle::call_fact>(d.delivery)) {
                    facts.insert({std::move(*fact), d.delivery.from, d.delivery.received_at, d.delivery.id});
                }
            }
            compare_calls(whole);
            whole.clear();
            progress_(report_.deliveries, all_);
        }
        close();
        compare_calls(whole);
    }

    void compare_calls(const std::map<lifecycle::call_key, lifecycle::fact_set>& whole) {
        if (whole.empty()) return;
        std::vector<lifecycle::call_key> keys;
        for (const auto& [key, facts] : whole)
            keys.push_back(key);
        std::map<lifecycle::call_key, store::call_row> stored;
        for (auto& row : tx_.calls(keys))
            stored.emplace(row.key, std::move(row));
        std::vector<store::call_row> fresh;
        std::vector<store::call_row> changed;
        for (const auto& [key, facts] : whole) {
            ++report_.calls;
            const auto old = stored.find(key);
            const bool known = old != stored.end();
            auto row = make_call_row(
                facts,
                lifecycle::fold(facts),
                known ? old->second.overdue_at : std::nullopt,
                how_.outcome_deadline
            );
            if (!known)
                fresh.push_back(std::move(row));
            else if (row != old->second)
                changed.push_back(std::move(row));
        }
        report_.calls_changed += static_cast<std::int64_t>(fresh.size() + changed.size());
        tx_.new_calls()->add_all(fresh);
        tx_.update_calls(changed);
    }

    void rebuild_messages() {
        for (auto page = source_.next_of_messages(); !page.empty(); page = source_.next_of_messages()) {
            std::vector<store::message_row> rows;
            std::vector<store::visitor_key> visitors;
            std::vector<uuid> ids;
            for (auto& d : page) {
                const auto fact = read<lifecycle::message_fact>(d.delivery);
                if (!fact) continue;
                rows.push_back(make_message_row(*fact, d.delivery.id, d.delivery.received_at));
                const auto& row = rows.back();
                ids.push_back(row.id);
                if (!row.linked_call && row.phone && row.widget_id)
                    visitors.push_back({row.source, *row.phone, *row.widget_id});
            }
            const auto calls = tx_.calls_of(visitors);
            std::map<uuid, store::message_row> stored;
            for (auto& row : source_.messages(ids))
                stored.emplace(row.id, std::move(row));
            std::vector<store::message_row> changed;
            for (auto& row : rows) {
                ++report_.messages;
                retie(row, calls, how_.message_call_window);
                if (row != stored[row.id]) changed.push_back(std::move(row));
            }
            report_.messages_changed += static_cast<std::int64_t>(changed.size());
            tx_.write_messages(changed);
            progress_(report_.deliveries, all_);
        }
    }

    store::sequencer_transaction& tx_;
    store::rebuild_source& source_;
    const sources::decoder_table& decoders_;
    const settings& how_;
    const std::function<void(std::int64_t, std::int64_t)>& progress_;
    std::int64_t all_;
    rebuild_report report_;
};

}  // namespace

rebuild_report rebuild(
    const store::settings& where,
    const sources::decoder_table& decoders,
    const settings& how,
    const std::function<void(std::int64_t, std::int64_t)>& progress
) {
    rebuild_report report;
    struct incomplete {};
    try {
        store::rebuild(where, [&](store::sequencer_transaction& tx, store::rebuild_source& source) {
            report = rebuilding{tx, source, decoders, how, progress}.run();
            if (report.unreadable > 0) throw incomplete{};  // rolls back
        });
    } catch (const incomplete&) {
        report.calls_changed = 0;
        report.messages_changed = 0;
    }
    return report;
}

}  // namespace callhook::pipeline
