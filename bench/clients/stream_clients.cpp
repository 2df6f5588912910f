// Many followers of callhook's event stream in one thread, who count events and look at nothing else, so that
// they cost little beside what they measure. Usage: stream_clients PORT CLIENTS LAST_EVENT_ID Ten times a
// second, a line of JSON: how many are open, the fewest and the most events that one of them has, and the
// bytes of all. Ends on SIGTERM.

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr std::string_view event_begins = "\ndata: ";

/// Counts the lines that begin an event's data, wherever the stream is cut.
class event_counter {
public:
    void take(std::string_view bytes) {
        while (!bytes.empty()) {
            if (matched_ == 0) {
                // Lines are long: almost all of the work is this search.
                const auto* line = static_cast<const char*>(std::memchr(bytes.data(), '\n', bytes.size()));
                if (!line) return;
                bytes.remove_prefix(static_cast<std::size_t>(line - bytes.data()));
            }
            if (bytes.front() == event_begins[matched_]) {
                bytes.remove_prefix(1);
                if (++matched_ == event_begins.size()) {
                    ++events_;
                    matched_ = 0;
                }
            } else {
                matched_ = 0;  // the same byte may begin a line
            }
        }
    }

    [[nodiscard]] std::uint64_t events() const { return events_; }

private:
    std::size_t matched_ = 0;
    std::uint64_t events_ = 0;
};

struct client {
    int socket = -1;
    event_counter counted{};
};

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(EXIT_FAILURE);
}

int connected(std::uint16_t port, const std::string& request) {
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (made < 0 || ::connect(made, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0)
        fail("connect");
    if (::send(made, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
        fail("send");
    return made;
}

class crowd {
public:
    crowd(std::uint16_t port, std::size_t size, const std::string& from) : clients_(size) {
        const auto request = "GET /v1/events/stream?lastEventId=" + from +
                             " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
        for (std::size_t at = 0; at < size; ++at) {
            clients_[at].socket = connected(port, request);
            epoll_event wanted{};
            wanted.events = EPOLLIN;
            wanted.data.u64 = at;
            if (::epoll_ctl(poll_, EPOLL_CTL_ADD, clients_[at].socket, &wanted) != 0) fail("epoll_ctl");
        }
        open_ = size;
    }

    void read(std::chrono::milliseconds patience) {
        std::array<epoll_event, 256> ready{};
        const int count = ::epoll_wait(
            poll_, ready.data(), static_cast<int>(ready.size()), static_cast<int>(patience.count())
        );
        for (int at = 0; at < count; ++at)
            read_from(clients_[ready[static_cast<std::size_t>(at)].data.u64]);
    }

    void tell() const {
        std::uint64_t least = UINT64_MAX;
        std::uint64_t most = 0;
        std::uint64_t all = 0;
        for (const auto& one : clients_) {
            const auto has = one.counted.events();
            least = std::min(least, has);
            most = std::max(most, has);
            all += has;
        }
        const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
        std::printf(
            "{\"open\":%zu,\"least\":%llu,\"most\":%llu,\"events\":%llu,\"bytes\":%llu}\n",
            open_,
            number(least),
            number(most),
            number(all),
            number(bytes_)
        );
        std::fflush(stdout);
    }

private:
    void read_from(client& one) {
        const auto got = ::recv(one.socket, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
        if (got > 0) {
            bytes_ += static_cast<std::uint64_t>(got);
            one.counted.take({buffer_.data(), static_cast<std::size_t>(got)});
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            ::close(one.socket);
            --open_;
        }
    }

    int poll_ = ::epoll_create1(EPOLL_CLOEXEC);
    std::vector<client> clients_;
    std::vector<char> buffer_ = std::vector<char>(std::size_t{1} << 18);
    std::size_t open_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
    if (count != 4) {
        std::fprintf(stderr, "usage: stream_clients PORT CLIENTS LAST_EVENT_ID\n");
        return 64;
    }
    const auto size = std::strtoul(arguments[2], nullptr, 10);
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = std::min<rlim_t>(files.rlim_max, size + 64);
    ::setrlimit(RLIMIT_NOFILE, &files);
    crowd all{
        static_cast<std::uint16_t>(std::strtoul(arguments[1], nullptr, 10)),
        static_cast<std::size_t>(size),
        arguments[3]};
    using clock = std::chrono::steady_clock;
    constexpr std::chrono::milliseconds interval{100};
    for (auto next = clock::now();;) {
        if (clock::now() >= next) {
            all.tell();
            next += interval;
        }
        all.read(interval);
    }
}
