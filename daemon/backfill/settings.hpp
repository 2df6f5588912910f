#pragma once

#include <chrono>
#include <cstddef>

namespace callhook::backfill {

/// What the operator decides about asking the vendor's API; the settings table says what each means.
struct settings {
    std::chrono::milliseconds sweep_interval{600'000};
    std::chrono::milliseconds sweep_overlap{3'600'000};
    std::chrono::milliseconds first_sweep{86'400'000};
    std::chrono::milliseconds settle{120'000};
    std::chrono::milliseconds detail_delay{60'000};
    std::chrono::milliseconds detail_again{3'600'000};
    std::chrono::milliseconds widgets_interval{3'600'000};
    std::chrono::milliseconds poll_interval{1'000};
    std::chrono::milliseconds outcome_deadline{1'800'000};
    std::size_t page_size = 100;
    std::size_t jobs_at_once = 4;
    int job_attempts = 10;
    std::chrono::milliseconds job_lease{120'000};
    std::chrono::milliseconds retry_first{5'000};
    std::chrono::milliseconds retry_longest{600'000};
};

}  // namespace callhook::backfill
