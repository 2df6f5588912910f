#include "app/commands.hpp"
#include "app/exit_codes.hpp"
#include "app/local_api.hpp"
#include "app/screen.hpp"
#include "app/status_view.hpp"
#include "app/text_file.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <thread>

namespace callhook::app {
namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

/// Long enough to tell a rate by.
constexpr auto sampling = 1'000ms;
constexpr std::size_t largest_token_file = 4'096;

result<secret> read_token(const std::string& file) {
    if (file.empty()) {
        const char* given = std::getenv("CALLHOOK_TOKEN");
        return secret{given == nullptr ? "" : given};
    }
    const auto read = read_text_file(file, largest_token_file);
    if (!read) return error{errc::mismatch, "the file " + file + " " + read.error().message};
    return secret{std::string{trim(read->content)}};
}

/// Asks a daemon how it is, over and over.
class onlooker {
public:
    onlooker(local_api& api, secret token) : api_{api}, token_{std::move(token)} {}

    /// Looks once more.
    result<overview> look() {
        const auto metrics = get("/metrics");
        if (!metrics) return metrics.error();
        const auto ready = get("/readyz?verbose");
        if (!ready) return ready.error();
        boost::system::error_code no_json;
        const auto readiness = json::parse(*ready, no_json);
        if (no_json) return error{errc::mismatch, api_.url() + ": what answers is not callhookd"};
        return read_overview(metric_text::parse(*metrics), readiness);
    }

    [[nodiscard]] const std::string& url() const { return api_.url(); }

private:
    result<std::string> get(const std::string& target) {
        std::vector<http::field> fields;
        if (!token_.empty()) fields.push_back({"Authorization", "Bearer " + token_.reveal()});
        auto answer = api_.get(target, std::move(fields));
        if (!answer) return answer.error();
        if (answer->status == 401 || answer->status == 403)
            return error{
                errc::invalid_input,
                "the API wants a token with the scope metrics:read: --token-file, or CALLHOOK_TOKEN in the "
                "environment"};
        // Who is not ready says so with a 503.
        if (answer->status != 200 && answer->status != 503)
            return error{
                errc::mismatch,
                api_.url() + ": what answers is not callhookd: status " + std::to_string(answer->status)};
        return std::move(answer->body);
    }

    local_api& api_;
    secret token_;
};

int failed(const error& why) {
    std::cerr << "callhookd: " << why.message << '\n';
    switch (why.code) {
        case errc::invalid_input:
            return exit_code::no_permission;
        case errc::mismatch:
            return exit_code::configuration;
        default:
            return exit_code::unavailable;
    }
}

std::chrono::sys_seconds now() {
    return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
}

/// Two looks, for the rates between them.
int show_once(onlooker& daemon, bool as_json) {
    const auto before = daemon.look();
    if (!before) return failed(before.error());
    const auto started = steady::now();
    std::this_thread::sleep_for(sampling);
    const auto after = daemon.look();
    if (!after) return failed(after.error());
    const auto pace = rates_between(*before, *after, steady::now() - started);
    if (as_json) {
        std::cout << json::serialize(to_json(*after, pace, daemon.url())) << '\n';
    } else {
        for (const auto& line : to_lines(*after, pace, daemon.url(), now()))
            std::cout << line << '\n';
    }
    return exit_code::fine;
}

int keep_showing(onlooker& daemon, std::chrono::milliseconds interval) {
    auto before = daemon.look();
    if (!before) return failed(before.error());
    auto looked = steady::now();
    rates pace;
    screen out;
    out.show(to_lines(*before, pace, daemon.url(), now()));
    while (out.pause(interval)) {
        auto seen = daemon.look();
        const auto at = steady::now();
        if (!seen) {
            out.show({"callhookd     " + seen.error().message});
            continue;
        }
        pace = rates_between(*before, *seen, at - looked);
        out.show(to_lines(*seen, pace, daemon.url(), now()));
        before = std::move(seen);
        looked = at;
    }
    return exit_code::fine;
}

}  // namespace

int status(const settings& values, const status_command& what) {
    auto token = read_token(what.token_file);
    if (!token) return failed(token.error());
    const auto api = local_api::open(values, what.api, local_api::peer::ourselves);
    if (!api) return failed(api.error());
    onlooker daemon{**api, std::move(*token)};
    return what.json || what.once ? show_once(daemon, what.json) : keep_showing(daemon, what.interval);
}

}  // namespace callhook::app
