#include "store/fresh_deliveries.hpp"

#include <algorithm>

namespace callhook::store {

namespace {

std::size_t bytes_of(const std::vector<shared_delivery>& group) {
    std::size_t sum = 0;
    for (const auto& d : group)
        sum += d->body.size();
    return sum;
}

std::vector<pending_delivery> pending_of(const std::vector<shared_delivery>& group) {
    std::vector<pending_delivery> out;
    out.reserve(group.size());
    for (const auto& d : group)
        out.push_back({d->id, d->source, d->from, d->received_at, d->body, d->traceparent});
    return out;
}

}  // namespace

void fresh_deliveries::put(const std::vector<shared_delivery>& stored, clock::time_point now) {
    if (stored.empty()) return;
    group made{stored, bytes_of(stored), now};
    std::ranges::sort(made.in_order, {}, [](const auto& d) { return d->id; });
    const std::lock_guard lock{mutex_};
    while (!groups_.empty() && now - groups_.begin()->second.since > longest_kept)
        remove(groups_.begin());
    if (bytes_ + made.bytes > most_bytes_) return;
    const auto first = made.in_order.front()->id;
    const auto bytes = made.bytes;
    if (groups_.emplace(first, std::move(made)).second) bytes_ += bytes;
}

std::optional<std::vector<pending_delivery>> fresh_deliveries::take(const pending_group& wanted) {
    deliveries found;
    {
        const std::lock_guard lock{mutex_};
        const auto at = groups_.find(wanted.batch);
        if (at == groups_.end()) return {};
        found = remove(at);
    }
    // A row may name some of a group: those that were in quarantine and are to be tried again.
    if (found.front()->id != wanted.first || found.back()->id != wanted.last) return {};
    return pending_of(found);
}

std::vector<pending_delivery> fresh_deliveries::take_oldest() {
    deliveries found;
    {
        const std::lock_guard lock{mutex_};
        if (groups_.empty()) return {};
        found = remove(groups_.begin());
    }
    return pending_of(found);
}

fresh_deliveries::deliveries fresh_deliveries::remove(std::map<uuid, group>::iterator which) {
    auto out = std::move(which->second.in_order);
    bytes_ -= which->second.bytes;
    groups_.erase(which);
    return out;
}

void fresh_deliveries::clear() {
    const std::lock_guard lock{mutex_};
    groups_.clear();
    bytes_ = 0;
}

}  // namespace callhook::store
