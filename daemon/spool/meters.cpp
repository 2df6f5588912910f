#include "spool/meters.hpp"

namespace callhook::spool {

meters::meters(metrics_registry& metrics)
    : deliveries{metrics.gauge("callhook_spool_deliveries", "Deliveries that wait in the spool.")},
      bytes{metrics.gauge("callhook_spool_bytes", "Bytes of the spool's file that are in use.")},
      oldest{metrics.gauge(
          "callhook_spool_oldest_timestamp_seconds",
          "When the oldest delivery in the spool was received; 0 while it is empty."
      )},
      spooled_total{metrics.counter("callhook_spooled_total", "Deliveries written to the spool.")},
      damaged_total{metrics.counter(
          "callhook_spool_damaged_total",
          "Deliveries of the spool that were set aside: changed since they came, or refused by the database."
      )},
      corrupt_total{metrics.counter(
          "callhook_spool_corrupt_files_total", "Spool files that were found corrupt and set aside."
      )},
      commit_duration{metrics.histogram(
          "callhook_spool_commit_duration_seconds",
          "Time of one group commit into the spool.",
          metrics_registry::duration_buckets()
      )} {}

}  // namespace callhook::spool
