#include "app/outbound_webhooks.hpp"

#include "app/rooms.hpp"
#include "base/log.hpp"

#include <algorithm>
#include <utility>

namespace callhook::app {

namespace {

namespace outbound = feed::outbound;

outbound::settings rules_of(const outbound_settings& how) {
    return {how.schedule, how.pause_after, how.concurrency, how.keep_attempts};
}

std::map<std::string, std::vector<secret>, std::less<>> secrets_of(const settings& values) {
    std::map<std::string, std::vector<secret>, std::less<>> out;
    for (const auto& s : values.subscriptions)
        out.emplace(s.name, s.secrets);
    return out;
}

/// The system's authorities are loaded beside the start, which need not wait for them. A file that the
/// operator names is waited for: where it cannot be read there is no start, and not one after which no
/// receiver is ever believed.
std::shared_future<std::shared_ptr<const http::tls_trust>> load_trust(const std::string& ca_file) {
    auto load = [ca_file]() -> std::shared_ptr<const http::tls_trust> {
        return std::make_shared<http::tls_trust>(ca_file);
    };
    auto loaded = std::async(std::launch::async, std::move(load)).share();
    if (!ca_file.empty()) loaded.get();
    return loaded;
}

}  // namespace

outbound_webhooks::outbound_webhooks(
    const boost::asio::any_io_executor& executor,
    const settings& values,
    feed::log_reader& log,
    store::feed_pool& pool,
    const clock_source& clock,
    metrics_registry& metrics
)
    : executor_{executor},
      how_{values.outbound},
      rules_{receiver_rules(values)},
      clock_{clock},
      configured_{secrets_of(values)},
      trust_{load_trust(how_.ca_file)},
      dispatcher_{
          executor,
          log,
          pool,
          rules_of(how_),
          {[this](const auto& what) { return serves(what); },
           [this](const auto& what) { return make_sender(what); }},
          clock,
          metrics} {}

void outbound_webhooks::use(const settings& values) {
    const auto same = [](const secret& a, const secret& b) { return a.reveal() == b.reveal(); };
    for (auto& [name, secrets] : secrets_of(values)) {
        const auto known = configured_.find(name);
        // A new subscription waits for a restart.
        if (known == configured_.end() || std::ranges::equal(known->second, secrets, same)) continue;
        known->second = secrets;
        dispatcher_.renew(name);
    }
}

bool outbound_webhooks::serves(const store::active_subscription& what) const {
    return what.what.origin == store::subscription_origin::api || configured_.contains(what.what.name);
}

std::unique_ptr<outbound::sender> outbound_webhooks::make_sender(const store::active_subscription& what) {
    // Also what was allowed when it was made may not be any more.
    const auto url = outbound::check_target_url(what.what.url, rules_);
    const auto configured = configured_.find(what.what.name);
    const bool from_file = what.what.origin == store::subscription_origin::config;
    const auto& secrets = from_file && configured != configured_.end() ? configured->second : what.secrets;
    outbound::http_sender_settings how;
    for (const auto& one : secrets) {
        if (auto parsed = outbound::signing_secret::parse(one.reveal()))
            how.secrets.push_back(std::move(*parsed));
    }
    if (url.has_error() || how.secrets.empty()) {
        log::error(
            "a subscription cannot be served",
            {{"subscription", what.what.name},
             {"reason", url.has_error() ? url.error().message : "its secrets are of no use"}}
        );
        return nullptr;
    }
    how.target = url->target;
    how.mode =
        what.what.mode == "binary" ? outbound::content_mode::binary : outbound::content_mode::structured;
    how.timeout = what.what.timeout.value_or(how_.timeout);
    auto& client = how.client;
    client.origin = url->origin;
    client.trust = trust_.get();
    client.may_connect = rules_.may_call;
    client.max_body = how_.response_bytes;
    client.truncate_body = true;
    client.max_idle = how_.concurrency;
    client.connect_timeout = std::min(client.connect_timeout, how.timeout);
    return std::make_unique<outbound::http_sender>(executor_, std::move(how), clock_);
}

}  // namespace callhook::app
