#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace callhook::log {

enum class level { trace, debug, info, warn, error, off };

/// How lines look: `automatic` is plain on a terminal and one JSON object a line otherwise.
enum class format { automatic, plain, json };

/// A named value beside the message. Never a secret, a body, a phone number, an e-mail address, a name or an
/// IP address.
struct field {
    std::string_view name;
    std::variant<std::string_view, std::int64_t, double, bool> value;

    field(std::string_view n, std::string_view v) : name{n}, value{v} {}
    field(std::string_view n, const std::string& v) : name{n}, value{std::string_view{v}} {}
    field(std::string_view n, const char* v) : name{n}, value{std::string_view{v}} {}
    field(std::string_view n, bool v) : name{n}, value{v} {}
    field(std::string_view n, double v) : name{n}, value{v} {}
    template <class Integer>
    requires std::is_integral_v<Integer> field(std::string_view n, Integer v)
        : name{n}, value{static_cast<std::int64_t>(v)} {}
};

/// Sets up the one logger, on stderr. Call once, before threads start; without it lines go out plain at level
/// info.
void start(level lowest, format shape);

/// Changes the level at run time; any thread.
void set_level(level lowest);

/// Whether a line of this level would be written.
bool enabled(level l) noexcept;

/// Writes a line: lower case, no full stop, the same words for the same happening (what varies goes into
/// fields). Of warnings and errors in the same words only the first `repeats_kept` within `repeats_window`
/// are written; the next line of the kind says in `left_out` how many were not. Any thread.
void write(level l, std::string_view message, std::initializer_list<field> fields = {});

inline constexpr std::size_t repeats_kept = 20;
inline constexpr std::chrono::seconds repeats_window{60};

/// Writes a line that is never left out: what is said once of each delivery. Any thread.
void record(level l, std::string_view message, const std::vector<field>& fields);

/// Says what was left out and whose window is over; with `all`, at the end, of every window. Call it now and
/// then: the next line of the kind may never come. Any thread.
void tell_left_out(bool all = false);

/// How many warnings or errors there were since the start, written or not; 0 for other levels. Any thread.
std::uint64_t count(level l) noexcept;

inline void debug(std::string_view m, std::initializer_list<field> f = {}) {
    write(level::debug, m, f);
}
inline void info(std::string_view m, std::initializer_list<field> f = {}) {
    write(level::info, m, f);
}
inline void warn(std::string_view m, std::initializer_list<field> f = {}) {
    write(level::warn, m, f);
}
inline void error(std::string_view m, std::initializer_list<field> f = {}) {
    write(level::error, m, f);
}

}  // namespace callhook::log
