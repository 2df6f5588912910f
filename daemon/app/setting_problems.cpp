#include "app/setting_problems.hpp"

#include <utility>

namespace callhook::app {

void setting_problems::came_from(const std::string& key, const setting_origin& origin) {
    origins_[key] = origin;
}

void setting_problems::add(const std::string& key, std::string value, std::string reason, std::string hint) {
    add_at(origin(key), key, std::move(value), std::move(reason), std::move(hint));
}

void setting_problems::add_at(
    const setting_origin& origin,
    const std::string& key,
    std::string value,
    std::string reason,
    std::string hint
) {
    concerned_.insert(key);
    all_.push_back({key, std::move(value), std::move(reason), std::move(hint), origin});
}

const setting_origin& setting_problems::origin(const std::string& key) const {
    static const setting_origin none;
    const auto found = origins_.find(key);
    return found == origins_.end() ? none : found->second;
}

}  // namespace callhook::app
