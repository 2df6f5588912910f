#include "pipeline/look_ahead.hpp"

#include "pipeline/decoding.hpp"

#include <exception>
#include <utility>

namespace callhook::pipeline {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::size_t most_fresh_bytes = std::size_t{8} << 20;

}  // namespace

read_group read_all(const sources::decoder_table& decoders, std::vector<store::pending_delivery> deliveries) {
    read_group out;
    out.read.reserve(deliveries.size());
    for (const auto& d : deliveries)
        out.read.push_back(decode(decoders, d));
    out.deliveries = std::move(deliveries);
    return out;
}

look_ahead::look_ahead(
    const store::settings& where, const sources::decoder_table& decoders, std::size_t enough
)
    : decoders_{decoders}, enough_{enough}, fresh_{most_fresh_bytes}, store_{where}, thread_{[this] {
          run();
      }} {}

look_ahead::~look_ahead() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void look_ahead::hear(const std::vector<store::shared_delivery>& stored) {
    fresh_.put(stored);
    {
        const std::lock_guard lock{mutex_};
        heard_ = true;
        if (!busy_) return;
    }
    changed_.notify_all();
}

void look_ahead::forget() {
    fresh_.clear();
    const std::lock_guard lock{mutex_};
    ready_.clear();
    ready_deliveries_ = 0;
}

void look_ahead::begin(std::optional<std::int64_t> after) {
    {
        const std::lock_guard lock{mutex_};
        begun_ = true;
        busy_ = true;
        after_ = after;
    }
    changed_.notify_all();
}

std::map<std::int64_t, read_group> look_ahead::take(const std::vector<store::pending_group>& groups) {
    std::map<std::int64_t, read_group> out;
    {
        std::unique_lock lock{mutex_};
        called_back_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return !busy_; });
        called_back_ = false;
        for (const auto& g : groups) {
            const auto found = ready_.find({g.first, g.last});
            if (found == ready_.end()) continue;
            ready_deliveries_ -= found->second.group.deliveries.size();
            out.emplace(g.number, std::move(found->second.group));
            ready_.erase(found);
        }
        drop_old();
    }
    for (const auto& g : groups) {
        if (out.contains(g.number)) continue;
        if (auto found = fresh_.take(g)) out.emplace(g.number, read_all(decoders_, std::move(*found)));
    }
    return out;
}

void look_ahead::run() {
    for (;;) {
        std::optional<std::int64_t> after;
        {
            std::unique_lock lock{mutex_};
            changed_.wait(lock, [this] { return stopping_ || begun_; });
            if (stopping_) return;
            begun_ = false;
            after = after_;
        }
        try {
            if (after) read_stored(*after);
            read_fresh();
        } catch (const std::exception&) {
            // What was not read ahead is read by who needs it.
        }
        {
            const std::lock_guard lock{mutex_};
            busy_ = false;
        }
        changed_.notify_all();
    }
}

void look_ahead::read_stored(std::int64_t after) {
    std::vector<store::pending_group> others;
    for (const auto& g : store_.groups(after, enough_)) {
        {
            const std::lock_guard lock{mutex_};
            if (ready_.contains({g.first, g.last})) continue;
        }
        if (auto found = fresh_.take(g))
            keep(std::move(*found));
        else
            others.push_back(g);
    }
    for (auto& deliveries : store_.deliveries_of(others))
        keep(std::move(deliveries));
}

void look_ahead::read_fresh() {
    for (;;) {
        {
            const std::lock_guard lock{mutex_};
            heard_ = false;
            if (called_back_ || stopping_ || has_enough()) return;
        }
        if (auto oldest = fresh_.take_oldest(); !oldest.empty()) {
            keep(std::move(oldest));
            continue;
        }
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [this] { return called_back_ || stopping_ || heard_; });
    }
}

void look_ahead::keep(std::vector<store::pending_delivery> deliveries) {
    if (deliveries.empty()) return;
    const name called{deliveries.front().id, deliveries.back().id};
    kept made{read_all(decoders_, std::move(deliveries)), steady::now()};
    const auto count = made.group.deliveries.size();
    const std::lock_guard lock{mutex_};
    if (ready_.emplace(called, std::move(made)).second) ready_deliveries_ += count;
}

void look_ahead::drop_old() {
    const auto now = steady::now();
    std::erase_if(ready_, [&](const auto& one) {
        const bool old = now - one.second.since > store::fresh_deliveries::longest_kept;
        if (old) ready_deliveries_ -= one.second.group.deliveries.size();
        return old;
    });
}

}  // namespace callhook::pipeline
