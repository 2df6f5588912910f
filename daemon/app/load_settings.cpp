#include "app/load_settings.hpp"

#include "app/access_settings.hpp"
#include "app/listener_tls.hpp"
#include "app/nats_access.hpp"
#include "app/settings_reader.hpp"
#include "app/settings_rules.hpp"
#include "app/text_file.hpp"

#include <filesystem>

namespace callhook::app {
namespace {

constexpr std::size_t largest_config_file = 1024 * 1024;

struct config_path {
    std::string path;
    std::string named_by;  ///< empty for the default file
};

config_path choose_file(const load_request& request) {
    if (!request.file.empty()) return {request.file, "--config"};
    const auto named = request.environment.find("CALLHOOK_CONFIG");
    if (named != request.environment.end() && !named->second.empty())
        return {named->second, "CALLHOOK_CONFIG"};
    return {request.default_file, ""};
}

/// Whether it makes sense to look further.
bool read_file(
    const config_path& chosen, settings_reader& reader, setting_problems& problems, std::string& read
) {
    const auto& path = chosen.path;
    const auto file = read_text_file(path, largest_config_file);
    if (!file) {
        if (file.error().code == errc::not_found && chosen.named_by.empty()) return true;
        const auto hint = chosen.named_by.empty() ? "make it readable for the daemon's user"
                                                  : "it was named by " + chosen.named_by + "; put that right";
        problems.add_at(
            {path}, "config", display_text(std::string_view{path}), "the file " + file.error().message, hint
        );
        return false;
    }
    read = path;
    const auto document = read_toml(file->content);
    if (const auto* failure = std::get_if<toml_failure>(&document)) {
        const setting_origin origin{path, failure->line, failure->column};
        const auto reason = "is not TOML: " + display_text(std::string_view{failure->message});
        problems.add_at(
            origin,
            "config",
            display_text(std::string_view{path}),
            reason,
            "see https://toml.io for the syntax"
        );
        return false;
    }
    reader.take_document(std::get<std::vector<toml_entry>>(document), path);
    return true;
}

void place_listeners(const std::vector<handed_place>& places, settings& values) {
    for (const auto& place : places) {
        const bool hooks = place.listener == "hooks";
        (hooks ? values.hooks.address : values.api.address) = place.address;
        (hooks ? values.hooks.port : values.api.port) = place.port;
    }
}

}  // namespace

load_outcome load_settings(const load_request& request) {
    load_outcome outcome;
    setting_problems problems;
    settings_reader reader{problems};
    const auto chosen = choose_file(request);
    if (read_file(chosen, reader, problems, outcome.file)) {
        reader.take_environment(request.environment);
        outcome.values = reader.result();
        place_listeners(request.handed_over, outcome.values);
        auto& sources = outcome.values.sources;
        check_rules(outcome.values, problems);
        if (request.needs_sources && sources.empty()) {
            const auto hint =
                "add a section [sources.NAME], or set CALLHOOK_SOURCES_NAME_SECRETS in the environment";
            problems.add("sources", "", "there is no source, so nothing could be received", hint);
        }
        const auto credentials = request.environment.find("CREDENTIALS_DIRECTORY");
        const bool has_credentials = credentials != request.environment.end();
        const file_places places{
            std::filesystem::path{chosen.path}.parent_path(), has_credentials ? credentials->second : ""};
        for (auto& source : sources) {
            if (request.needs_secrets) read_source_secrets(source, places, problems);
            if (request.needs_api_keys) read_api_access(source, places, problems);
        }
        check_api_keys(sources, problems);
        auto& spool = outcome.values.spool.directory;
        if (!spool.empty()) spool = (std::filesystem::path{chosen.path}.parent_path() / spool).string();
        if (request.needs_secrets) {
            read_tokens(outcome.values.tokens, places, problems);
            read_subscriptions(outcome.values, places, problems);
            check_nats_files(outcome.values.nats, places, problems);
            read_listener_tls(outcome.values, places, std::chrono::system_clock::now(), problems);
        }
        outcome.secret_files = secret_files_of(outcome.values, places);
        // Commands that ask the daemon know it by its certificate.
        auto& certificate = outcome.values.api.tls.certificate_file;
        if (!certificate.empty()) certificate = places.find(certificate).string();
    }
    outcome.problems = problems.all();
    return outcome;
}

}  // namespace callhook::app
