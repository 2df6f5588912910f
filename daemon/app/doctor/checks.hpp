#pragma once

#include "app/doctor/finding.hpp"
#include "app/doctor/patient.hpp"

#include <string_view>
#include <vector>

namespace callhook::app::doctor {

/// One thing to look at. A check only looks: it changes nothing, here or elsewhere. It throws nothing that
/// it expects.
struct check {
    std::string_view name;
    findings (*look)(patient&);
};

/// All of them, in the order in which they are told.
const std::vector<check>& checks();

// This machine.
findings look_at_files(patient& who);
findings look_at_proxies(patient& who);
findings look_at_listeners(patient& who);
findings look_at_daemon(patient& who);
findings look_at_spool(patient& who);
// The database.
findings look_at_database(patient& who);
findings look_at_schema(patient& who);
findings look_at_feed(patient& who);
findings look_at_database_clock(patient& who);
findings look_at_database_disk(patient& who);
findings look_at_time_zones(patient& who);
// Others, over the network.
findings look_at_vendors(patient& who);
findings look_at_nats(patient& who);
findings look_at_receivers(patient& who);

}  // namespace callhook::app::doctor
