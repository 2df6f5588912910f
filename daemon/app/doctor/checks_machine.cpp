#include "app/doctor/checks.hpp"
#include "app/doctor/judgements.hpp"
#include "app/local_api.hpp"
#include "app/settings_report.hpp"
#include "base/json.hpp"
#include "spool/visiting.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <cerrno>
#include <filesystem>
#include <linux/magic.h>
#include <optional>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace callhook::app::doctor {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using tcp = asio::ip::tcp;

namespace {

std::optional<seen_file> see(const std::string& path, std::string what) {
    struct ::stat about {};
    if (::stat(path.c_str(), &about) != 0) return {};
    const bool of_others = about.st_uid != 0 && about.st_uid != ::geteuid();
    return seen_file{path, std::move(what), about.st_mode & 07777U, of_others};
}

/// Whether a libpq string or URI says a password.
bool says_password(const std::string& url) {
    if (url.find("password=") != std::string::npos) return true;
    const auto scheme = url.find("://");
    if (scheme == std::string::npos) return false;
    const auto begin = scheme + 3;
    const auto at = url.find('@', begin);
    const auto colon = url.find(':', begin);
    return at != std::string::npos && colon < at && colon + 1 < at;
}

std::string_view body_status(const http::client_response& answer, json::value& into) {
    boost::system::error_code no_json;
    into = json::parse(answer.body, no_json);
    const auto* object = no_json ? nullptr : into.if_object();
    const auto* status = object ? object->if_contains("status") : nullptr;
    const auto* text = status ? status->if_string() : nullptr;
    return text ? std::string_view{text->data(), text->size()} : std::string_view{};
}

template <class Listener>
occupant who_has(const patient& who, const Listener& listener, local_api::listener which) {
    asio::io_context loop;
    tcp::acceptor probe{loop};
    boost::system::error_code failed;
    const tcp::endpoint at{asio::ip::make_address(listener.address), listener.port};
    probe.open(at.protocol(), failed);
    probe.set_option(tcp::acceptor::reuse_address{true}, failed);
    probe.bind(at, failed);
    if (!failed) return occupant::nobody;
    if (failed == asio::error::access_denied) return occupant::not_permitted;
    if (failed != asio::error::address_in_use) return occupant::not_here;
    const auto api = local_api::open(who.values, who.api, local_api::peer::anybody, which);
    if (!api) return occupant::silent;
    // The hooks' listener knows no such path, and says so in the way of callhook.
    const auto answer = (*api)->get("/livez");
    if (!answer) return occupant::silent;
    if (which == local_api::listener::hooks)
        return answer->header("Content-Type") == "application/problem+json" ? occupant::callhook
                                                                            : occupant::somebody;
    json::value body;
    return body_status(*answer, body) == "ok" ? occupant::callhook : occupant::somebody;
}

template <class Listener>
void look_at_listener(
    findings& out,
    std::string_view name,
    const patient& who,
    const Listener& listener,
    local_api::listener which
) {
    const auto place = address_and_port(listener.address, listener.port);
    if (listener.port == 0)
        out.push_back(fine(std::string{name} + ": any free port, so that it cannot be looked for"));
    else
        out.push_back(judge_listener(name, place, who_has(who, listener, which)));
    if (listener.tls.identity)
        out.push_back(
            judge_certificate(name, listener.tls.identity->expires_at(), std::chrono::system_clock::now())
        );
}

/// File systems that are gone with a restart, or whose fsync says nothing of this machine's disk.
std::string forgetful_kind(const std::string& path) {
    struct ::statfs about {};
    if (::statfs(path.c_str(), &about) != 0) return {};
    switch (static_cast<unsigned long>(about.f_type)) {
        case TMPFS_MAGIC:
            return "tmpfs";
        case RAMFS_MAGIC:
            return "ramfs";
        case NFS_SUPER_MAGIC:
            return "NFS";
        case SMB_SUPER_MAGIC:
        case 0xff534d42UL:  // CIFS, which the header leaves out
            return "SMB";
        default:
            return {};
    }
}

/// The directory, or the nearest one above it that exists.
fs::path existing(fs::path path) {
    std::error_code ignored;
    while (!path.empty() && !fs::exists(path, ignored) && path.has_parent_path() && path != path.parent_path()
    )
        path = path.parent_path();
    return path.empty() ? fs::path{"."} : path;
}

}  // namespace

findings look_at_files(patient& who) {
    findings out;
    const bool in_file = ::getenv("CALLHOOK_DATABASE_URL") == nullptr;
    if (who.file.empty()) {
        out.push_back(fine("no configuration file; environment and defaults"));
    } else if (const auto file = see(who.file, "configuration")) {
        out.push_back(judge_config_file(*file, in_file && says_password(who.values.database.url.reveal())));
    }
    for (const auto& secret : who.secret_files) {
        if (const auto file = see(secret.path, secret.key)) out.push_back(judge_secret_file(*file));
    }
    if (::geteuid() == 0)
        out.push_back(
            {finding::weight::ok,
             "asked as root: what the daemon's user may not read is not seen",
             "ask as that user too: sudo -u callhook callhookd doctor"}
        );
    return out;
}

findings look_at_proxies(patient& who) {
    return judge_proxies(who.values);
}

findings look_at_listeners(patient& who) {
    findings out;
    look_at_listener(out, "hooks", who, who.values.hooks, local_api::listener::hooks);
    look_at_listener(out, "api", who, who.values.api, local_api::listener::api);
    return out;
}

findings look_at_daemon(patient& who) {
    const auto api = local_api::open(who.values, who.api, local_api::peer::anybody);
    if (!api) return {};
    const auto answer = (*api)->get("/readyz");
    if (!answer) return {};  // the listeners have been told of
    json::value body;
    const auto status = body_status(*answer, body);
    if (status == "ok") return {fine("it is ready")};
    const auto* see_more = "callhookd status says which part";
    if (status == "degraded") return {warning("it is degraded: webhooks wait for the database", see_more)};
    if (status == "not ready") return {problem("it is not ready", see_more)};
    return {};
}

findings look_at_spool(patient& who) {
    const auto& wanted = who.values.spool;
    seen_spool seen{wanted.directory};
    if (wanted.directory.empty()) return judge_spool(seen, wanted);
    struct ::stat about {};
    seen.there = ::stat(wanted.directory.c_str(), &about) == 0;
    if (seen.there) seen.mode = about.st_mode & 07777U;
    const auto place = existing(wanted.directory).string();
    seen.usable = ::access(place.c_str(), W_OK | X_OK) == 0;
    seen.forgetful = forgetful_kind(place);
    struct ::statvfs disk {};
    if (::statvfs(place.c_str(), &disk) == 0)
        seen.free_bytes = static_cast<std::uint64_t>(disk.f_frsize) * disk.f_bavail;
    const auto found = seen.there ? spool::look(wanted.directory) : result<spool::status>{spool::status{}};
    if (found) seen.used_bytes = static_cast<std::uint64_t>(found->file_bytes);
    auto out = judge_spool(seen, wanted);
    if (found && found->damaged + found->corrupt_files.size() > 0)
        out.push_back(warning(
            "something in the spool was set aside as damaged",
            "callhookd spool shows it; compare with the vendor's history: callhookd backfill --from ... --to "
            "..."
        ));
    return out;
}

}  // namespace callhook::app::doctor
