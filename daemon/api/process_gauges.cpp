#include "api/process_gauges.hpp"

#include "base/text.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

namespace callhook::api {

namespace {

std::string read_file(const char* path) {
    std::ifstream in{path};
    return {std::istreambuf_iterator<char>{in}, {}};
}

double ticks() {
    return static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// A field of /proc/self/stat, by its number in proc(5). The second one is a name, which may hold anything.
std::optional<double> stat_field(const std::string& stat, std::size_t number) {
    const auto name_end = stat.rfind(") ");
    if (name_end == std::string::npos) return {};
    const auto fields = split(std::string_view{stat}.substr(name_end + 2), ' ');
    if (number < 3 || number - 3 >= fields.size()) return {};
    const auto value = parse_integer<std::int64_t>(fields[number - 3]);
    return value ? std::optional{static_cast<double>(*value)} : std::nullopt;
}

/// When the process started, as Unix time: the kernel counts from the machine's own start.
std::optional<double> start_time() {
    const auto ticks_after_boot = stat_field(read_file("/proc/self/stat"), 22);
    if (!ticks_after_boot) return {};
    timespec wall{};
    timespec since_boot{};
    if (::clock_gettime(CLOCK_REALTIME, &wall) != 0 || ::clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0)
        return {};
    const auto seconds = [](const timespec& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
    };
    return seconds(wall) - seconds(since_boot) + *ticks_after_boot / ticks();
}

}  // namespace

process_gauges::process_gauges(metrics_registry& metrics)
    : cpu_seconds_{metrics.counter("process_cpu_seconds_total", "Processor time, user and system.")},
      resident_{metrics.gauge("process_resident_memory_bytes", "Resident memory.")},
      open_files_{metrics.gauge("process_open_fds", "Open file descriptors.")},
      most_files_{metrics.gauge("process_max_fds", "Most file descriptors that may be open.")},
      started_{metrics.gauge("process_start_time_seconds", "When the process started, as Unix time.")} {
    if (const auto at = start_time()) started_.set(*at);
}

void process_gauges::look() {
    const auto stat = read_file("/proc/self/stat");
    const auto user = stat_field(stat, 14);
    const auto system = stat_field(stat, 15);
    if (user && system) cpu_seconds_.add((*user + *system) / ticks() - cpu_seconds_.value());
    if (const auto pages = stat_field(stat, 24))
        resident_.set(*pages * static_cast<double>(::sysconf(_SC_PAGESIZE)));
    std::error_code failed;
    const std::filesystem::directory_iterator files{"/proc/self/fd", failed};
    if (!failed) open_files_.set(static_cast<double>(std::distance(begin(files), end(files))));
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) most_files_.set(static_cast<double>(limit.rlim_cur));
}

}  // namespace callhook::api
