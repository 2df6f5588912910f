// callhook's way of a webhook up to the inbox, on one event-loop thread: HTTP, who may send, the look into
// the body, the answer. Usage: counting_receiver PORT SECRET

#include "base/log.hpp"
#include "http/server.hpp"
#include "ingest/hook_endpoint.hpp"
#include "sources/callpage/callpage.hpp"
#include "store/inbox.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

namespace {

using namespace callhook;

http::server_settings listener(std::uint16_t port) {
    http::server_settings out;
    out.port = port;
    out.name = "hooks";
    return out;
}

ingest::gatekeeper gate(const char* shown) {
    std::map<std::string, ingest::source_access, std::less<>> sources;
    sources["demo"].secrets.emplace_back(shown);
    return ingest::gatekeeper{std::move(sources)};
}

int serve(std::uint16_t port, const char* shown) {
    // A line a delivery belongs to storing it.
    log::start(log::level::warn, log::format::json);
    boost::asio::io_context loop{1};
    metrics_registry metrics;
    const system_clock_source clock;
    store::inbox counted{{}, {}, metrics, {}};
    ingest::intake intake{counted, nullptr, {}};
    const sources::decoder_table decoders{{"demo", sources::callpage::make_decoder({}).value()}};
    http::router routes;
    routes.add(
        "POST",
        "/hooks/{source}/{secret}",
        std::make_shared<ingest::hook_endpoint>(
            ingest::hook_settings{}, gate(shown), decoders, intake, clock, metrics
        )
    );
    http::server server{loop, listener(port), routes, metrics};
    if (const auto bound = server.listen(); !bound) {
        std::fprintf(stderr, "%s\n", bound.error().message.c_str());
        return EXIT_FAILURE;
    }
    server.start();
    boost::asio::signal_set end{loop, SIGTERM, SIGINT};
    end.async_wait([&loop](boost::system::error_code, int) { loop.stop(); });
    loop.run();
    return EXIT_SUCCESS;
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 3) {
        std::fprintf(stderr, "usage: counting_receiver PORT SECRET\n");
        return 64;
    }
    return serve(static_cast<std::uint16_t>(std::strtoul(arguments[1], nullptr, 10)), arguments[2]);
}
