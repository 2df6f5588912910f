#include "base/log.hpp"

#include "base/json.hpp"
#include "base/repeats.hpp"
#include "base/text.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <unistd.h>
#include <utility>

namespace callhook::log {

namespace {

bool as_json = false;
std::atomic<std::uint64_t> warnings{0};
std::atomic<std::uint64_t> errors{0};

/// Of warnings and of errors, under one mutex.
struct left_out {
    std::mutex mutex;
    repeats warnings{repeats_kept, repeats_window};
    repeats errors{repeats_kept, repeats_window};

    repeats& of(level l) { return l == level::warn ? warnings : errors; }
};

left_out& lines_left_out() {
    static left_out instance;
    return instance;
}

bool is_limited(level l) {
    return l == level::warn || l == level::error;
}

spdlog::level::level_enum to_spdlog(level l) {
    switch (l) {
        case level::trace:
            return spdlog::level::trace;
        case level::debug:
            return spdlog::level::debug;
        case level::info:
            return spdlog::level::info;
        case level::warn:
            return spdlog::level::warn;
        case level::error:
            return spdlog::level::err;
        case level::off:
            return spdlog::level::off;
    }
    return spdlog::level::info;
}

spdlog::logger& logger() {
    static const auto instance = [] {
        auto made = spdlog::stderr_color_mt("callhook");
        made->flush_on(spdlog::level::trace);
        return made;
    }();
    return *instance;
}

template <class Fields>
std::string plain_line(std::string_view message, const Fields& fields) {
    std::string out = escape_controls(message);
    for (const auto& f : fields) {
        out += ' ';
        out += f.name;
        out += '=';
        if (const auto* text = std::get_if<std::string_view>(&f.value))
            out += escape_controls(*text);
        else if (const auto* number = std::get_if<std::int64_t>(&f.value))
            out += std::to_string(*number);
        else if (const auto* real = std::get_if<double>(&f.value))
            out += fmt::format("{:.6g}", *real);
        else
            out += std::get<bool>(f.value) ? "true" : "false";
    }
    return out;
}

/// The part of the JSON line behind the time and level that spdlog's pattern writes.
template <class Fields>
std::string json_line(std::string_view message, const Fields& fields) {
    json::object line{{"message", message}};
    for (const auto& f : fields) {
        std::visit([&](const auto& value) { line[f.name] = value; }, f.value);
    }
    std::string text = json::serialize(line);
    return text.substr(1);
}

template <class Fields>
void put(level l, std::string_view message, const Fields& fields) {
    if (!enabled(l)) return;
    logger().log(to_spdlog(l), "{}", as_json ? json_line(message, fields) : plain_line(message, fields));
}

}  // namespace

void start(level lowest, format shape) {
    as_json = shape == format::json || (shape == format::automatic && ::isatty(STDERR_FILENO) == 0);
    auto& out = logger();
    if (as_json) {
        out.set_formatter(std::make_unique<spdlog::pattern_formatter>(
            R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v)", spdlog::pattern_time_type::utc
        ));
    } else {
        out.set_pattern("%H:%M:%S.%e %^%l%$ %v");
    }
    out.set_level(to_spdlog(lowest));
}

void set_level(level lowest) {
    logger().set_level(to_spdlog(lowest));
}

bool enabled(level l) noexcept {
    return logger().should_log(to_spdlog(l));
}

void write(level l, std::string_view message, std::initializer_list<field> fields) {
    if (!is_limited(l)) {
        put(l, message, fields);
        return;
    }
    (l == level::warn ? warnings : errors).fetch_add(1, std::memory_order_relaxed);
    if (!enabled(l)) return;
    auto& lines = lines_left_out();
    std::optional<std::size_t> before;
    {
        const std::lock_guard lock{lines.mutex};
        before = lines.of(l).take(message, std::chrono::steady_clock::now());
    }
    if (!before) return;
    if (*before == 0) {
        put(l, message, fields);
        return;
    }
    std::vector<field> more{fields};
    more.emplace_back("left_out", *before);
    put(l, message, more);
}

void record(level l, std::string_view message, const std::vector<field>& fields) {
    if (is_limited(l)) (l == level::warn ? warnings : errors).fetch_add(1, std::memory_order_relaxed);
    put(l, message, fields);
}

void tell_left_out(bool all) {
    using clock = std::chrono::steady_clock;
    const auto now = all ? clock::time_point::max() : clock::now();
    auto& lines = lines_left_out();
    const std::lock_guard lock{lines.mutex};
    for (const auto l : {level::warn, level::error}) {
        lines.of(l).tell(now, [l](std::string_view message, std::size_t number) {
            put(l, message, std::vector<field>{{"left_out", number}});
        });
    }
}

std::uint64_t count(level l) noexcept {
    return l == level::warn ? warnings.load() : l == level::error ? errors.load() : 0;
}

}  // namespace callhook::log
