#include "app/progress.hpp"

#include "base/text.hpp"

#include <cstdio>
#include <iomanip>
#include <ostream>
#include <unistd.h>

namespace callhook::app {

namespace {

using steady = std::chrono::steady_clock;

std::string text_of(const json::value& value) {
    // A visitor wrote some of it.
    return value.is_string() ? escape_controls(json::value_to<std::string>(value)) : json::serialize(value);
}

}  // namespace

progress_bar::progress_bar(std::string label)
    : label_{std::move(label)}, visible_{::isatty(STDERR_FILENO) == 1}, started_{steady::now()} {}

void progress_bar::show(std::int64_t done, std::int64_t all) {
    const auto now = steady::now();
    if (!visible_ || all <= 0 || (now - last_ < std::chrono::milliseconds{100} && done < all)) return;
    last_ = now;
    shown_ = true;
    constexpr int width = 30;
    const auto filled = static_cast<int>(std::min<std::int64_t>(width, done * width / all));
    const double elapsed = std::chrono::duration<double>(now - started_).count();
    const double rate = elapsed > 0 ? static_cast<double>(done) / elapsed : 0;
    const double left = rate > 0 ? static_cast<double>(all - done) / rate : 0;
    std::fprintf(
        stderr,
        "\r%s [%.*s%*s] %lld/%lld  %.0f/s  %.0f s left ",
        label_.c_str(),
        filled,
        "##############################",
        width - filled,
        "",
        static_cast<long long>(done),
        static_cast<long long>(all),
        rate,
        left
    );
    std::fflush(stderr);
}

void progress_bar::finish() {
    if (shown_) std::fputc('\n', stderr);
}

void print_call(const json::object& details, std::ostream& out) {
    const auto& provenance = details.at("provenance").as_object();
    for (const auto& [name, value] : details.at("call").as_object()) {
        out << std::left << std::setw(24) << std::string_view{name} << std::setw(34) << text_of(value);
        if (const auto* from = provenance.if_contains(name)) {
            const auto& o = from->as_object();
            out << "  " << text_of(o.at("origin"));
            if (const auto* event = o.if_contains("event")) out << ' ' << text_of(*event);
        }
        out << '\n';
    }
    for (const auto& [name, value] : details.at("follow_up").as_object()) {
        out << std::left << std::setw(24) << std::string_view{name} << text_of(value) << '\n';
    }
    out << "\ntimeline\n";
    if (const auto& since = details.at("final_at"); !since.is_null())
        out << "  earlier deliveries have expired, the first on " << text_of(since) << '\n';
    for (const auto& entry : details.at("timeline").as_array()) {
        const auto& o = entry.as_object();
        out << "  " << std::setw(28) << text_of(o.at("received_at")) << std::setw(16)
            << text_of(o.at("event")) << std::setw(12) << text_of(o.at("result")) << text_of(o.at("delivery"))
            << '\n';
    }
    const auto& messages = details.at("messages").as_array();
    if (!messages.empty()) out << "\nmessages\n";
    for (const auto& m : messages) {
        const auto& o = m.as_object();
        out << "  " << std::setw(28) << text_of(o.at("received_at"));
        if (const auto* text = o.if_contains("text")) out << text_of(*text);
        out << '\n';
    }
}

}  // namespace callhook::app
