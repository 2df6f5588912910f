#include "app/zone_findings.hpp"

#include "app/rooms.hpp"
#include "backfill/zone_check.hpp"
#include "store/backfill_store.hpp"

#include <utility>

namespace callhook::app {

bool zone_finding::wrong() const {
    return backfill::is_zone_error(by_arrivals) || backfill::is_zone_error(by_filter);
}

std::string zone_finding::verdict() const {
    const auto off = [](std::optional<std::chrono::seconds> by) {
        return "seems to be off by " + std::to_string(by->count()) + " s, as ";
    };
    if (backfill::is_zone_error(by_arrivals)) return off(by_arrivals) + "the arrival of webhooks shows";
    if (backfill::is_zone_error(by_filter)) return off(by_filter) + "the API's time filter shows";
    if (by_arrivals) return "agrees with the arrival of webhooks";
    return webhooks < 5 ? "not measured yet, too few webhooks" : "cannot be measured, webhooks come too late";
}

std::vector<zone_finding> measure_zones(const settings& values) {
    store::backfill_store db{store_settings(values), "audit"};
    std::vector<zone_finding> out;
    for (const auto& source : values.sources) {
        zone_finding found{source.name, source.time_zone, 0, {}, {}};
        const auto arrivals = db.arrivals(source.name, backfill::zone_sample);
        found.webhooks = arrivals.size();
        found.by_arrivals = backfill::zone_error_of_arrivals(arrivals);
        for (const auto& state : db.states({source.name}))
            found.by_filter = state.zone_error;
        out.push_back(std::move(found));
    }
    return out;
}

}  // namespace callhook::app
