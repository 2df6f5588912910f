#include "app/doctor/checks.hpp"
#include "app/doctor/judgements.hpp"
#include "app/key_trials.hpp"
#include "app/rooms.hpp"
#include "app/vendor_transport.hpp"
#include "base/clock.hpp"
#include "feed/nats/connection.hpp"
#include "sources/callpage/rest_client.hpp"
#include "sources/retry_after.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>

namespace callhook::app::doctor {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

/// Runs a coroutine to its end on a loop of its own.
template <class Work>
void run(asio::io_context& loop, Work& work) {
    auto all = [&]() -> asio::awaitable<void> {
        co_await work();
        loop.stop();  // kept connections and deadlines would hold it
    };
    asio::co_spawn(loop, all(), asio::detached);
    loop.run();
}

std::string fix_of(const sources::api_failure& why, const std::string& source, const std::string& scope) {
    using kind = sources::api_failure::kind;
    switch (why.what) {
        case kind::unauthorized:
            return "copy the key anew from the vendor's dashboard into the file of sources." + source +
                   ".api_key_file";
        case kind::forbidden:
            return "give the key the scope " + (scope.empty() ? std::string{"that it lacks"} : scope) +
                   " in the vendor's dashboard";
        case kind::unreachable:
            return "see that this machine may reach sources." + source +
                   ".api_url: name service, firewall, clock, authorities";
        case kind::throttled:
        case kind::broken:
        case kind::paused:
            return "the vendor is in trouble or asked too often; try again in a while";
        default:
            return "see that sources." + source + ".api_url is the vendor's API";
    }
}

findings look_at_vendor(const settings& values, const source_settings& source) {
    if (source.api_key.empty())
        return {fine(source.name + ": no key of the vendor's API, so that nothing is filled in from there")};
    asio::io_context loop{1};
    const system_clock_source clock;
    std::unique_ptr<http::client> client;
    try {
        client = std::make_unique<http::client>(loop.get_executor(), vendor_client_settings(source, values));
    } catch (const bad_result&) {
        return {problem(
            source.name + ": the certificate authorities cannot be read",
            "install ca-certificates, or set sources." + source.name + ".api_ca_file"
        )};
    }
    // A handful of requests, which need not wait for the rate limit that is kept in the database.
    keyed_transport keyed{*client, source.api_key, std::min(values.backfill.request_timeout, 10'000ms)};
    const auto api = sources::callpage::make_api(keyed, clock);
    std::vector<key_trial> trials;
    auto ask = [&]() -> asio::awaitable<void> { trials = co_await try_key(*api); };
    run(loop, ask);

    findings out;
    for (const auto& trial : trials) {
        const auto what = source.name + ": " + trial.name;
        if (!trial.failure)
            out.push_back(fine(what));
        else if (trial.needed)
            out.push_back(
                problem(what + ": " + trial.result(), fix_of(*trial.failure, source.name, trial.scope))
            );
        else
            out.push_back(fine(what + ": " + trial.result() + " (not needed)"));
    }
    // Dates are read as a time to wait, which is never negative: half a day is put on top.
    const auto date = sources::read_retry_after(keyed.last_date(), clock.now() - 12h);
    if (date && keyed.last_date().find(':') != std::string::npos)
        out.push_back(judge_clock("the API of " + source.name, *date - 12h, 1s));
    return out;
}

}  // namespace

findings look_at_vendors(patient& who) {
    findings out;
    for (const auto& source : who.values.sources) {
        auto one = look_at_vendor(who.values, source);
        out.insert(out.end(), one.begin(), one.end());
    }
    return out;
}

findings look_at_nats(patient& who) {
    const auto wanted = nats_publishing(who.values);
    findings out;
    for (const auto& server : wanted.servers) {
        const auto name = shown(server);
        feed::nats::connection link;
        const auto opened = link.open(server, wanted.who, wanted.timeout);
        if (!opened) {
            out.push_back(problem(
                name + ": " + opened.error().message,
                "see that the server runs and takes callhook's login: nats.servers, nats.credentials_file"
            ));
            continue;
        }
        const auto info = link.request("$JS.API.STREAM.INFO." + wanted.stream.name, "");
        const auto stream =
            info ? feed::nats::read_stream(*info) : result<feed::nats::stream_view>{info.error()};
        const auto what = name + ": the stream " + wanted.stream.name;
        if (!stream && stream.error().code == errc::not_found && wanted.create_stream) {
            out.push_back(fine(what + " is not there yet, and will be made"));
        } else if (!stream) {
            out.push_back(problem(
                what + ": " + stream.error().message,
                "docs/nats.md has the definition; or set nats.create_stream"
            ));
        } else {
            const auto faults = feed::nats::faults_of(*stream, wanted.stream);
            for (const auto& fault : faults)
                out.push_back(problem(what + ": " + fault, "docs/nats.md has the definition"));
            if (faults.empty()) out.push_back(fine(what));
        }
    }
    return out;
}

}  // namespace callhook::app::doctor
