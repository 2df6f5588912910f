#include "app/handed_sockets.hpp"

#include "app/setting_value.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <cstdlib>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <utility>

namespace callhook::app {
namespace {

/// Nothing for what is no TCP socket, whatever its state: the listener looks at that.
std::optional<boost::asio::ip::tcp::endpoint> place_of(int descriptor) {
    boost::asio::ip::tcp::endpoint at;
    auto size = static_cast<socklen_t>(at.capacity());
    if (sd_is_socket(descriptor, AF_UNSPEC, SOCK_STREAM, -1) <= 0) return {};
    if (::getsockname(descriptor, at.data(), &size) != 0) return {};
    const auto family = at.data()->sa_family;
    if (family != AF_INET && family != AF_INET6) return {};
    return at;
}

}  // namespace

handed_sockets::~handed_sockets() {
    for (const auto& s : all_)
        ::close(s.descriptor);
}

handed_sockets::handed_sockets(handed_sockets&& other) noexcept : all_{std::exchange(other.all_, {})} {}

handed_sockets& handed_sockets::operator=(handed_sockets&& other) noexcept {
    std::swap(all_, other.all_);
    return *this;
}

result<handed_sockets> handed_sockets::receive() {
    char** names = nullptr;
    const int count = sd_listen_fds_with_names(1, &names);
    if (count < 0) return error{errc::mismatch, "LISTEN_FDS does not say how many sockets were handed over"};
    handed_sockets received;
    result<void> outcome{boost::system::in_place_value};
    for (int i = 0; i < count; ++i) {
        const int descriptor = SD_LISTEN_FDS_START + i;
        if (outcome) outcome = received.add(names[i], descriptor);
        if (!outcome) ::close(descriptor);
        std::free(names[i]);
    }
    std::free(static_cast<void*>(names));
    if (!outcome) return outcome.error();
    return received;
}

result<void> handed_sockets::add(std::string_view name, int descriptor) {
    const auto shown = "the socket " + display_text(name) + " that was handed over ";
    if (name != "hooks" && name != "api")
        return error{
            errc::mismatch, shown + "is for no listener: its FileDescriptorName= must be hooks or api"};
    if (has(name))
        return error{errc::mismatch, shown + "is the second of that name: a listener has one socket"};
    const auto at = place_of(descriptor);
    if (!at) return error{errc::mismatch, shown + "is no TCP socket"};
    all_.push_back({{std::string{name}, at->address().to_string(), at->port()}, descriptor});
    return {};
}

std::vector<handed_place> handed_sockets::places() const {
    std::vector<handed_place> out;
    for (const auto& s : all_)
        out.push_back(s.where);
    return out;
}

bool handed_sockets::has(std::string_view listener) const {
    return std::ranges::any_of(all_, [&](const one& s) { return s.where.listener == listener; });
}

std::optional<int> handed_sockets::take(std::string_view listener) {
    const auto found = std::ranges::find_if(all_, [&](const one& s) { return s.where.listener == listener; });
    if (found == all_.end()) return {};
    const int descriptor = found->descriptor;
    all_.erase(found);
    return descriptor;
}

}  // namespace callhook::app
