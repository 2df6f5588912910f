#include "app/commands.hpp"
#include "app/exit_codes.hpp"
#include "app/local_api.hpp"
#include "base/json.hpp"

#include <iostream>

namespace callhook::app {
namespace {

struct health {
    std::string url{};
    unsigned status = 0;   ///< of HTTP; 0: there was no answer
    std::string word{};    ///< what the daemon says of itself: `ok`, `degraded`, `not ready`
    std::string reason{};  ///< why it is not well; empty: it is
};

std::string word_of(const http::client_response& answer) {
    boost::system::error_code no_json;
    const auto body = json::parse(answer.body, no_json);
    const auto* object = no_json ? nullptr : body.if_object();
    const auto* status = object ? object->if_contains("status") : nullptr;
    const auto* text = status ? status->if_string() : nullptr;
    return text ? std::string{text->c_str()} : std::string{};
}

health judge(std::string url, const result<http::client_response>& answer, bool asks_for_certificate) {
    health out{std::move(url)};
    if (!answer) {
        out.reason = answer.error().message;
        if (asks_for_certificate)
            out.reason += "; api.tls_client_ca_file is set: give --certificate and --key";
        return out;
    }
    out.status = answer->status;
    out.word = word_of(*answer);
    if (out.word.empty())
        out.reason = "what answers is not callhookd: status " + std::to_string(out.status);
    else if (out.status != 200)
        out.reason = out.word;
    return out;
}

health ask(const settings& values, const healthcheck_command& what) {
    const auto api = local_api::open(values, what.api, local_api::peer::anybody);
    if (!api) return {{}, 0, {}, api.error().message};
    const std::string target = what.ready ? "/readyz" : "/livez";
    const bool shows_none = !values.api.tls.client_ca_file.empty() && what.api.certificate_file.empty();
    return judge((*api)->url() + target, (*api)->get(target), shows_none);
}

}  // namespace

int healthcheck(const settings& values, const healthcheck_command& what) {
    const auto found = ask(values, what);
    const bool well = found.reason.empty();
    if (what.json) {
        std::cout << json::serialize(json::object{
                         {"ok", well},
                         {"url", found.url},
                         {"http_status",
                          found.status == 0 ? json::value(nullptr) : json::value(found.status)},
                         {"status", found.word.empty() ? json::value(nullptr) : json::value(found.word)},
                         {"reason", found.reason}})
                  << '\n';
    } else if (well) {
        std::cout << found.word << '\n';
    } else {
        std::cerr << "callhookd: " << (found.url.empty() ? "" : found.url + ": ") << found.reason << '\n';
    }
    return well ? exit_code::fine : exit_code::check_failed;
}

}  // namespace callhook::app
