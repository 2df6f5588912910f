#include "feed/page_cache.hpp"

#include <algorithm>

namespace callhook::feed {

namespace {

/// What a page counts for beside its text, so that pages without events are bounded too.
constexpr std::size_t page_bytes = 16 << 10;

std::size_t size_of(const log_page& page) {
    std::size_t size = page_bytes;
    for (const auto& event : page.events)
        size += event->event.size();
    return size;
}

}  // namespace

shared_page page_cache::find(
    const store::event_filter& filter, const std::string& epoch, std::int64_t position
) {
    if (pages_.empty() || pages_.begin()->second.page->head.epoch != epoch) return nullptr;
    auto found = look(filter, position);
    return found || filter.empty() ? found : look({}, position);
}

shared_page page_cache::look(const store::event_filter& filter, std::int64_t position) {
    auto at = pages_.upper_bound({filter, position});
    if (at == pages_.begin()) return nullptr;
    --at;
    if (at->first.first != filter || at->second.page->read_to <= position) return nullptr;
    at->second.used = ++uses_;
    return at->second.page;
}

void page_cache::put(const store::event_filter& filter, shared_page page) {
    if (!pages_.empty() && pages_.begin()->second.page->head.epoch != page->head.epoch) {
        clear();
    }
    const key at{filter, page->after};
    if (const auto old = pages_.find(at); old != pages_.end()) drop(old);
    const auto size = size_of(*page);
    pages_.emplace(at, entry{std::move(page), size, ++uses_});
    bytes_ += size;
    while (bytes_ > bound_ && pages_.size() > 1) {
        drop(std::ranges::min_element(pages_, {}, [](const auto& one) { return one.second.used; }));
    }
}

void page_cache::clear() {
    pages_.clear();
    bytes_ = 0;
}

void page_cache::drop(std::map<key, entry>::iterator at) {
    bytes_ -= at->second.bytes;
    pages_.erase(at);
}

}  // namespace callhook::feed
