#include "app/screen.hpp"

#include <csignal>
#include <ctime>
#include <iostream>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

namespace callhook::app {

namespace {

// The other screen, so that what was on this one is there again afterwards, and no cursor.
constexpr const char* enter = "\x1b[?1049h\x1b[?25l";
constexpr const char* leave = "\x1b[?25h\x1b[?1049l";
constexpr const char* home = "\x1b[H";
constexpr const char* rest_of_line = "\x1b[K";
constexpr const char* rest_of_screen = "\x1b[J";

sigset_t heard() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int one : {SIGINT, SIGTERM, SIGHUP, SIGWINCH})
        ::sigaddset(&set, one);
    return set;
}

struct extent {
    std::size_t rows = 24;
    std::size_t columns = 80;
};

extent size_of_terminal() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return {};
    return {size.ws_row, size.ws_col};
}

/// At most so many columns, without cutting a character of UTF-8 in two.
std::string_view cut(std::string_view line, std::size_t columns) {
    if (line.size() <= columns) return line;
    while (columns > 0 && (static_cast<unsigned char>(line[columns]) & 0xC0U) == 0x80U)
        --columns;
    return line.substr(0, columns);
}

}  // namespace

screen::screen() : terminal_{::isatty(STDOUT_FILENO) == 1} {
    const auto set = heard();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    if (terminal_) std::cout << enter << std::flush;
}

screen::~screen() {
    if (terminal_) std::cout << leave << std::flush;
}

void screen::show(const std::vector<std::string>& lines) {
    if (!terminal_) {
        if (!first_) std::cout << '\n';
        first_ = false;
        for (const auto& line : lines)
            std::cout << line << '\n';
        std::cout << std::flush;
        return;
    }
    const auto size = size_of_terminal();
    std::cout << home;
    for (std::size_t row = 0; row < lines.size() && row < size.rows; ++row)
        // Cleared first: behind a line as long as the screen is wide it would take the last letter along.
        std::cout << (row == 0 ? "" : "\n") << rest_of_line << cut(lines[row], size.columns);
    if (lines.size() < size.rows) std::cout << '\n' << rest_of_screen;
    std::cout << std::flush;
}

bool screen::pause(std::chrono::milliseconds longest) {
    const auto set = heard();
    const timespec time{longest.count() / 1000, (longest.count() % 1000) * 1'000'000};
    const int signal = ::sigtimedwait(&set, nullptr, &time);
    return signal <= 0 || signal == SIGWINCH;
}

}  // namespace callhook::app
