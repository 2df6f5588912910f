#pragma once

#include "feed/shared_event.hpp"
#include "store/queries.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace callhook::feed {

/// A stretch of the log as it was read from the database. Positions up to a head never change again but by an
/// erasure, so a page stays true until one is heard of, for as long as its epoch lasts.
struct log_page {
    store::feed_head head{};
    /// What the filter that it was read with takes of after < position <= read_to.
    std::vector<shared_event> events{};
    std::int64_t after = 0;
    std::int64_t read_to = 0;
};

using shared_page = std::shared_ptr<const log_page>;

/// Pages that were read lately, so that readers who go through the same part of the log read it from the
/// database once. Those used longest ago go first. One thread.
class page_cache {
public:
    /// `bytes` bounds what the events' text may take.
    explicit page_cache(std::size_t bytes) : bound_{bytes} {}

    /// A page in which the event after `position` lies or would lie, or null. It was read with this filter or
    /// without any.
    shared_page find(const store::event_filter& filter, const std::string& epoch, std::int64_t position);

    /// Keeps a page that was read with this filter. Pages of another epoch go.
    void put(const store::event_filter& filter, shared_page page);

    /// Forgets all.
    void clear();

    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

private:
    /// The filter and where the page begins.
    using key = std::pair<store::event_filter, std::int64_t>;
    struct entry {
        shared_page page{};
        std::size_t bytes = 0;
        std::uint64_t used = 0;
    };
    shared_page look(const store::event_filter& filter, std::int64_t position);
    void drop(std::map<key, entry>::iterator at);

    std::size_t bound_;
    std::map<key, entry> pages_;
    std::size_t bytes_ = 0;
    std::uint64_t uses_ = 0;
};

}  // namespace callhook::feed
