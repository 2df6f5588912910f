#include "http/server.hpp"

#include "http/server_core.hpp"

#include <utility>

namespace callhook::http {

server::server(
    boost::asio::io_context& loop, server_settings settings, const router& routes, metrics_registry& metrics
)
    : core_{std::make_shared<core>(loop, std::move(settings), routes, metrics)} {}

server::~server() {
    core_->orphan();
}

result<void> server::listen() {
    return core_->listen();
}
result<void> server::listen_on(int descriptor) {
    return core_->listen_on(descriptor);
}
std::uint16_t server::port() const {
    return core_->port();
}
void server::start() {
    core_->start();
}
void server::use_tls(std::shared_ptr<const tls_identity> identity) {
    core_->use_tls(std::move(identity));
}
std::size_t server::connections() const {
    return core_->open();
}

boost::asio::awaitable<void> server::stop(std::chrono::steady_clock::time_point deadline) {
    return core_->stop(deadline);
}

}  // namespace callhook::http
