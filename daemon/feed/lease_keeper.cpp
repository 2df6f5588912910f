#include "feed/lease_keeper.hpp"

#include <algorithm>
#include <utility>

namespace callhook::feed {

namespace {

using steady = std::chrono::steady_clock;

/// What is kept off a lease's end, for clocks that run apart a little.
constexpr std::chrono::milliseconds margin{250};

}  // namespace

boost::asio::awaitable<void> lease_keeper::ask(std::vector<std::string> names) {
    std::vector<std::string> unwanted;
    for (const auto& [name, until] : held_) {
        if (std::find(names.begin(), names.end(), name) == names.end()) unwanted.push_back(name);
    }
    for (const auto& name : unwanted)
        held_.erase(name);
    // Before it is asked: the database counts from no earlier.
    const auto until = steady::now() + length - margin;
    auto turn = [names, unwanted, owner = owner_](store::feed_store& db) {
        db.release_leases(unwanted, owner);
        return db.take_leases(names, owner, length);
    };
    const auto held = co_await pool_.run(std::move(turn));
    if (!held) co_return;
    for (const auto& name : names)
        held_.erase(name);
    for (const auto& name : *held)
        held_.insert_or_assign(name, until);
}

bool lease_keeper::holds(const std::string& name) const {
    const auto found = held_.find(name);
    return found != held_.end() && steady::now() < found->second;
}

boost::asio::awaitable<void> lease_keeper::release_all() {
    std::vector<std::string> none;
    co_await ask(std::move(none));
}

}  // namespace callhook::feed
