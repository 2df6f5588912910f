#include "app/doctor/checks.hpp"
#include "app/doctor/judgements.hpp"
#include "app/rooms.hpp"
#include "feed/outbound/target_url.hpp"
#include "http/client.hpp"
#include "http/tls_trust.hpp"
#include "store/failure.hpp"
#include "store/feed_store.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace callhook::app::doctor {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

/// Who is sent webhooks, and what is wrong with that.
struct receiver {
    std::string name{};  ///< as findings show it
    std::string url{};
    std::string trouble{};  ///< empty: it answers
};

/// Those that clients of the API have made are known to the database alone.
std::vector<store::subscription> stored_subscriptions(patient& who) {
    const auto& seen = who.database();
    if (!seen || !seen->schema || !seen->schema->up_to_date()) return {};
    return store::feed_store{store_settings(who.values), "doctor"}.list_subscriptions();
}

/// OPTIONS changes nothing there, and any answer tells that somebody is there.
asio::awaitable<void> ask(
    receiver& whom,
    const feed::outbound::target_rules& rules,
    const std::shared_ptr<const http::tls_trust>& trust,
    std::chrono::milliseconds timeout
) {
    const auto url = feed::outbound::check_target_url(whom.url, rules);
    if (!url) {
        whom.trouble = url.error().message;
        co_return;
    }
    http::client_settings how;
    how.origin = url->origin;
    how.trust = trust;
    how.may_connect = rules.may_call;
    how.max_body = 4096;
    how.truncate_body = true;
    http::client client{co_await asio::this_coro::executor, std::move(how)};
    http::client_request request;
    request.method = "OPTIONS";
    request.target = url->target;
    const auto answer = co_await client.send(std::move(request), std::chrono::steady_clock::now() + timeout);
    if (!answer) whom.trouble = answer.error().message;
}

/// Several at a time: there may be a thousand, and each that hangs takes its whole time.
void ask_all(std::vector<receiver>& receivers, const settings& values) {
    const auto rules = receiver_rules(values);
    const auto trust = std::make_shared<const http::tls_trust>(values.outbound.ca_file);
    const auto timeout = std::min(values.outbound.timeout, 10'000ms);
    asio::io_context loop{1};
    auto next = receivers.begin();
    auto ask_in_turn = [&]() -> asio::awaitable<void> {
        while (next != receivers.end())
            co_await ask(*next++, rules, trust, timeout);
    };
    constexpr std::size_t most_at_a_time = 32;
    for (std::size_t i = 0; i < std::min(most_at_a_time, receivers.size()); ++i)
        asio::co_spawn(loop, ask_in_turn(), asio::detached);
    loop.run();
}

findings tell_of(const std::vector<receiver>& receivers) {
    findings out;
    for (const auto& one : receivers) {
        if (one.trouble.empty())
            out.push_back(fine(one.name + ": the receiver answers"));
        else
            out.push_back(warning(
                one.name + ": " + one.trouble,
                "see that this machine may reach the receiver, and that it runs"
            ));
    }
    return out;
}

}  // namespace

findings look_at_receivers(patient& who) {
    findings out;
    std::vector<receiver> receivers;
    for (const auto& one : who.values.subscriptions)
        receivers.push_back({"subscriptions." + one.name, one.url});
    try {
        for (const auto& one : stored_subscriptions(who)) {
            if (auto stopped = judge_subscription(one)) out.push_back(std::move(*stopped));
            const bool of_api = one.what.origin == store::subscription_origin::api;
            if (of_api && one.state != store::subscription_state::disabled)
                receivers.push_back({"the subscription " + one.what.name, one.what.url});
        }
    } catch (const store::failure& e) {
        out.push_back(problem(e.what(), "see what is said of the database"));
    }
    if (receivers.empty()) return out;
    ask_all(receivers, who.values);
    for (auto& one : tell_of(receivers))
        out.push_back(std::move(one));
    return out;
}

}  // namespace callhook::app::doctor
