#include "app/access_settings.hpp"

#include "api/tokens.hpp"
#include "app/secret_files.hpp"
#include "app/setting_value.hpp"
#include "feed/outbound/standard_webhooks.hpp"
#include "feed/outbound/target_url.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace callhook::app {
namespace {

constexpr std::string_view make_token = "make a token and its line with: callhookd token new";

void read_hash(token_settings& token, const file_places& places, setting_problems& problems) {
    const auto section = "tokens." + token.name;
    const bool in_file = token.hash.empty() && !token.hash_file.empty();
    const auto key = section + (in_file ? ".hash_file" : ".hash");
    if (problems.concerns(section + ".hash") || problems.concerns(section + ".hash_file")) return;
    if (!token.hash.empty() && !token.hash_file.empty()) {
        problems.add(key, "***", "is set beside hash_file, and only one of them can count", "keep one");
        return;
    }
    if (in_file) {
        auto content = read_secret_file(token.hash_file, key, places, problems);
        if (!content) return;
        token.hash = std::move(*content);
    } else if (token.hash.empty()) {
        problems.add(key, "", "no hash is configured", std::string{make_token});
        return;
    }
    const auto hash = api::parse_token_hash(token.hash);
    if (hash) {
        token.hash = api::token_hash_text(*hash);
    } else {
        problems.add(key, "***", "is not sha256: and 64 hexadecimal digits", std::string{make_token});
    }
}

void check_scopes(const token_settings& token, setting_problems& problems) {
    const auto key = "tokens." + token.name + ".scopes";
    if (problems.concerns(key)) return;
    std::string known;
    for (const auto& name : api::scope_names())
        known += (known.empty() ? "" : ", ") + name;
    if (token.scopes.empty())
        problems.add(key, "[]", "is empty, so the token could do nothing", "give it some of " + known);
    for (const auto& scope : token.scopes) {
        if (!api::parse_scope(scope))
            problems.add(key, display_text(std::string_view{scope}), "is not a scope", "use " + known);
    }
}

std::string fault_of_signing_secret(const std::string& value) {
    const auto read = feed::outbound::signing_secret::parse(value);
    return read ? std::string{} : "is none: " + read.error().message;
}

void check_url(
    const subscription_settings& subscription, const outbound_settings& outbound, setting_problems& problems
) {
    const auto key = "subscriptions." + subscription.name + ".url";
    if (problems.concerns(key) || problems.concerns("outbound.allow")) return;
    const auto hint = "write https://, a host, and perhaps port, path and query";
    if (subscription.url.empty()) {
        problems.add(key, "", "is not set", hint);
        return;
    }
    const feed::outbound::target_rules rules{
        outbound.allow_http, http::address_guard{http::network_list{outbound.allow}}};
    const auto url = feed::outbound::check_target_url(subscription.url, rules);
    if (!url) problems.add(key, "***", url.error().message, hint);
}

void check_start(const subscription_settings& subscription, setting_problems& problems) {
    const auto key = "subscriptions." + subscription.name + ".start";
    const auto& start = subscription.start;
    const auto dot = start.find('.');
    const bool like_an_id =
        dot == 8 && start.size() == 29 && start.find_first_not_of("0123456789abcdef.") == std::string::npos;
    if (problems.concerns(key) || start == "0" || start == "$" || like_an_id) return;
    problems.add(
        key,
        display_text(std::string_view{start}),
        "is no place in the feed",
        "write $ for its end, 0 for its beginning, or an event's id"
    );
}

}  // namespace

void read_tokens(std::vector<token_settings>& tokens, const file_places& places, setting_problems& problems) {
    for (auto one = tokens.begin(); one != tokens.end(); ++one) {
        read_hash(*one, places, problems);
        check_scopes(*one, problems);
        const auto same_hash = [&](const token_settings& other) { return other.hash == one->hash; };
        const auto other = std::find_if(tokens.begin(), one, same_hash);
        if (other == one || one->hash.empty()) continue;
        problems.add(
            "tokens." + one->name,
            "",
            "has the hash of the token " + other->name,
            "give each its own: " + std::string{make_token}
        );
    }
}

void read_subscriptions(settings& values, const file_places& places, setting_problems& problems) {
    check_ca_file(values.outbound.ca_file, "outbound.ca_file", places, problems);
    for (auto& one : values.subscriptions) {
        check_url(one, values.outbound, problems);
        check_start(one, problems);
        read_secret_pair(
            {one.secrets,
             one.secret_files,
             "subscriptions." + one.name,
             fault_of_signing_secret,
             "make one with: echo whsec_$(openssl rand -base64 24)"},
            places,
            problems
        );
    }
}

}  // namespace callhook::app
