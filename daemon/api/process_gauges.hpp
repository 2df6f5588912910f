#pragma once

#include "base/metrics.hpp"

namespace callhook::api {

/// What Prometheus's own clients tell of every process, under the same names: memory, processor time, file
/// descriptors and the start. One thread.
class process_gauges {
public:
    explicit process_gauges(metrics_registry& metrics);

    /// Looks at the process; what cannot be read stays as it was.
    void look();

private:
    metric_counter cpu_seconds_;
    metric_gauge resident_;
    metric_gauge open_files_;
    metric_gauge most_files_;
    metric_gauge started_;
};

}  // namespace callhook::api
