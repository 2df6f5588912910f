#pragma once

#include "store/sequencer_store.hpp"

#include <map>
#include <stdexcept>
#include <utility>

namespace callhook::bench {

/// The store's side of the sequencer, in memory and at next to no cost: what is left is the pipeline's own.
class quiet_transaction final : public store::sequencer_transaction {
public:
    std::vector<store::pending_delivery> pending;
    std::map<lifecycle::call_key, store::call_row> stored;
    std::size_t events = 0;

    [[nodiscard]] const store::feed_head& head() const override { return head_; }
    std::vector<store::pending_group> take_pending(std::size_t) override {
        return pending.empty() ? std::vector<store::pending_group>{}
                               : std::vector<store::pending_group>{{1, {}, {}, {}}};
    }
    std::vector<std::vector<store::pending_delivery>> deliveries_of(
        const std::vector<store::pending_group>& groups
    ) override {
        return groups.empty() ? std::vector<std::vector<store::pending_delivery>>{}
                              : std::vector<std::vector<store::pending_delivery>>{std::exchange(pending, {})};
    }
    std::vector<store::call_row> calls(const std::vector<lifecycle::call_key>& keys) override {
        std::vector<store::call_row> out;
        for (const auto& key : keys) {
            if (const auto at = stored.find(key); at != stored.end()) out.push_back(at->second);
        }
        return out;
    }
    std::vector<store::call_row> call_states(const std::vector<lifecycle::call_key>& keys) override {
        return calls(keys);
    }
    std::vector<store::call_row> due_calls(utc_time, std::size_t) override { return {}; }
    std::unique_ptr<store::row_writer<store::call_row>> new_calls() override {
        class writer final : public store::row_writer<store::call_row> {
        public:
            explicit writer(std::vector<store::call_row>& rows) : rows_{rows} {}
            void add(const store::call_row& row) override { rows_.push_back(row); }
            void complete() override {}

        private:
            std::vector<store::call_row>& rows_;
        };
        return std::make_unique<writer>(written);
    }
    void update_calls(const std::vector<store::call_row>&) override {}
    void forget_due(const std::vector<lifecycle::call_key>&) override {}
    std::vector<store::message_row> messages_like(const std::string&, const std::string&) override {
        return {};
    }
    std::vector<store::message_row> messages_of(const std::vector<store::visitor_key>&) override {
        return {};
    }
    std::vector<store::call_time> calls_of(const std::vector<store::visitor_key>&) override { return {}; }
    void write_messages(const std::vector<store::message_row>&) override {}
    std::vector<store::gap_report> untold_gaps(std::size_t) override { return {}; }
    void mark_gap_told(const uuid&, std::int64_t) override {}
    std::vector<store::announcement> take_announcements(std::size_t) override { return {}; }
    store::erasure_access& erasures() override { throw std::logic_error{"nobody was erased"}; }
    void append_outcomes(const std::vector<store::outcome_row>&) override {}
    std::unique_ptr<store::row_writer<store::event_row>> new_events(utc_time) override {
        class writer final : public store::row_writer<store::event_row> {
        public:
            explicit writer(std::size_t& events) : events_{events} {}
            void add(const store::event_row&) override { ++events_; }
            void complete() override {}

        private:
            std::size_t& events_;
        };
        return std::make_unique<writer>(events);
    }
    void finish(const store::feed_head& head) override { head_ = head; }

    /// What was written becomes what is stored.
    void keep() {
        for (auto& row : written)
            stored.insert_or_assign(row.key, std::move(row));
        written.clear();
    }

private:
    store::feed_head head_{};
    std::vector<store::call_row> written;
};

}  // namespace callhook::bench
