#include "base/log.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <unistd.h>

namespace callhook::log {

namespace {

bool as_json = false;

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

std::string plain_line(std::string_view message, std::initializer_list<field> fields) {
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
std::string json_line(std::string_view message, std::initializer_list<field> fields) {
    json::object line{{"message", message}};
    for (const auto& f : fields) {
        std::visit([&](const auto& value) { line[f.name] = value; }, f.value);
    }
    std::string text = json::serialize(line);
    return text.substr(1);
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
    if (!enabled(l)) return;
    logger().log(to_spdlog(l), "{}", as_json ? json_line(message, fields) : plain_line(message, fields));
}

}  // namespace callhook::log
