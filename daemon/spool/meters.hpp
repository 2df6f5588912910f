#pragma once

#include "base/metrics.hpp"

namespace callhook::spool {

/// What is measured of a spool. Making them is enough for a daemon that has none: they are there, and 0.
struct meters {
    explicit meters(metrics_registry& metrics);

    metric_gauge deliveries;
    metric_gauge bytes;
    metric_gauge oldest;
    metric_counter spooled_total;
    metric_counter damaged_total;
    metric_counter corrupt_total;
    metric_histogram commit_duration;
};

}  // namespace callhook::spool
