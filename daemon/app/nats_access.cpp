#include "app/nats_access.hpp"

#include "app/secret_files.hpp"
#include "app/setting_value.hpp"
#include "app/settings_rules.hpp"
#include "app/text_file.hpp"
#include "feed/nats/server_url.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace callhook::app {
namespace {

constexpr std::size_t largest_file = 8 * 1024 * 1024;

std::string shown(const std::string& text) {
    return display_text(std::string_view{text});
}

void check_servers(const nats_settings& nats, setting_problems& problems) {
    const std::string key = "nats.servers";
    if (problems.concerns(key)) return;
    std::size_t number = 0;
    for (const auto& url : nats.servers) {
        ++number;
        const auto server = feed::nats::parse_server(url.reveal());
        const auto which = "server " + std::to_string(number) + ": ";
        if (!server) {
            problems.add(
                key,
                "***",
                which + server.error().message,
                "write nats://host:4222 or tls://host:4222, with user:password@ before the host where "
                "needed; "
                "percent-encode what is special in a password"
            );
            continue;
        }
        const bool login = !server->user.empty() || !server->token.empty();
        if (login && !nats.credentials_file.empty()) {
            problems.add(
                key,
                "***",
                which + "has a login in its URL beside nats.credentials_file, and only one of them can count",
                "take one of them away"
            );
        }
    }
}

/// A file of `[nats]`: what must stand in it, and whether it is secret.
struct named_file {
    std::string key;
    std::string& path;
    std::string_view mark;
    std::string_view what;
    bool is_secret;
};

void check_file(const named_file& file, const file_places& places, setting_problems& problems) {
    if (file.path.empty() || problems.concerns(file.key)) return;
    const auto path = places.find(file.path).string();
    const auto found = read_text_file(path, largest_file);
    const auto refuse = [&](const std::string& reason, const std::string& hint) {
        problems.add(file.key, shown(file.path), path + " " + reason, hint);
    };
    if (!found) {
        refuse(
            found.error().message,
            "give the path of a file that the daemon's user may read; a relative one starts at the "
            "configuration file"
        );
    } else if (file.is_secret && (found->mode & 07U) != 0) {
        refuse("is open to every user of this machine", "chmod o-rwx '" + path + "'");
    } else if (found->content.find(file.mark) == std::string::npos) {
        refuse("holds no " + std::string{file.what}, "give the path of a file that does");
    } else {
        file.path = path;
    }
}

}  // namespace

void check_nats(const nats_settings& nats, setting_problems& problems) {
    check_servers(nats, problems);
    if (!feed::nats::is_stream_name(nats.stream)) {
        problems.add(
            "nats.stream",
            shown(nats.stream),
            "is not a stream's name",
            "for example \"callhook\"; spaces and . * > / \\ are not allowed"
        );
    }
    if (!feed::nats::is_subject_prefix(nats.subject_prefix)) {
        problems.add(
            "nats.subject_prefix",
            shown(nats.subject_prefix),
            "is not the beginning of a subject",
            "for example \"callhook\" or \"crm.callhook\": A-Z a-z 0-9 - and _, with dots between the parts"
        );
    }
    for (const auto& source : nats.sources) {
        if (is_source_name(source)) continue;
        problems.add(
            "nats.sources", shown(source), "is not a source's name", "name sources as [sources.NAME] does"
        );
    }
    if (nats.certificate_file.empty() != nats.key_file.empty()) {
        const bool no_key = nats.key_file.empty();
        problems.add(
            no_key ? "nats.key_file" : "nats.certificate_file",
            "",
            std::string{"is missing beside "} + (no_key ? "nats.certificate_file" : "nats.key_file"),
            "a certificate and its key go together"
        );
    }
}

void check_nats_files(nats_settings& nats, const file_places& places, setting_problems& problems) {
    if (nats.servers.empty()) return;
    check_file(
        {"nats.credentials_file", nats.credentials_file, "BEGIN NATS USER JWT", "credentials of NATS", true},
        places,
        problems
    );
    check_ca_file(nats.ca_file, "nats.ca_file", places, problems);
    check_file(
        {"nats.certificate_file", nats.certificate_file, "CERTIFICATE-----", "certificate in PEM", false},
        places,
        problems
    );
    check_file(
        {"nats.key_file", nats.key_file, "PRIVATE KEY-----", "private key in PEM", true}, places, problems
    );
}

}  // namespace callhook::app
