#pragma once

#include "app/doctor/finding.hpp"
#include "app/settings.hpp"
#include "store/epoch.hpp"
#include "store/migrations.hpp"
#include "store/server_view.hpp"
#include "store/subscriptions.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What is to be thought of what was seen. Pure: nothing here looks at anything itself.
namespace callhook::app::doctor {

/// A file or directory that settings name.
struct seen_file {
    std::string path{};
    std::string what{};      ///< `sources.main.secret_files`
    unsigned mode = 0;       ///< the permission bits
    bool of_others = false;  ///< neither root's nor of who asks
};

/// A file with a secret, which the loader has read: that nobody else can write to it.
finding judge_secret_file(const seen_file& file);

/// The configuration file; `holds_password`: in database.url.
finding judge_config_file(const seen_file& file, bool holds_password);

/// Version, role, and what makes a server a bad place. `writes`: whether this daemon has anything to write.
/// `needed`: connections of a daemon.
findings judge_server(const store::server_view& server, bool writes, std::int64_t needed);

findings judge_schema(const store::schema_status& schema);

/// Whether readers will have to say anew where they go on.
finding judge_epoch(const store::epoch_status& log);

/// How far another's clock is ahead of ours, and how exact that is.
finding judge_clock(std::string_view whose, std::chrono::milliseconds ahead, std::chrono::milliseconds exact);

/// The spool's directory, or the file system on which it would be made.
struct seen_spool {
    std::string directory{};
    bool there = false;
    bool usable = false;  ///< who asks may write to it, or make it
    unsigned mode = 0700;
    std::uint64_t free_bytes = 0;
    std::uint64_t used_bytes = 0;
    std::string forgetful{};  ///< the kind of its file system where that does not keep what it acknowledges
};

findings judge_spool(const seen_spool& seen, const spool_settings& wanted);

/// The file system of the database, where it is on this machine.
finding judge_database_disk(const std::string& directory, std::uint64_t free_bytes, std::uint64_t all_bytes);

/// Whose word is believed about clients' addresses, and who reads along.
findings judge_proxies(const settings& values);

/// What has a listener's address.
enum class occupant {
    nobody,
    callhook,
    somebody,       ///< it answers, and is not callhook
    silent,         ///< in use, and nothing can be said of whom
    not_permitted,  ///< a port below 1024, for who asks
    not_here        ///< the address is not one of this machine
};

/// `section` is `hooks` or `api`.
finding judge_listener(std::string_view section, const std::string& place, occupant who);

/// The certificate of a listener.
finding judge_certificate(
    std::string_view section,
    std::chrono::system_clock::time_point expires,
    std::chrono::system_clock::time_point now
);

/// Why a subscription gets nothing; nothing to say of an active one.
std::optional<finding> judge_subscription(const store::subscription& one);

/// Bytes for people: `3.2 GiB`.
std::string bytes_text(std::uint64_t bytes);

}  // namespace callhook::app::doctor
