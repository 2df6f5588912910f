#include "app/secret_files.hpp"

#include "app/setting_value.hpp"
#include "app/settings_table.hpp"
#include "app/text_file.hpp"
#include "http/tls_trust.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace callhook::app {
namespace {

constexpr std::size_t shortest_secret = 16;
constexpr std::size_t longest_secret = 256;
constexpr std::size_t largest_file = 64 * 1024;
constexpr std::size_t longest_api_key = 512;
constexpr std::size_t largest_ca_file = 8 * 1024 * 1024;
constexpr std::string_view make_one = "make one with: openssl rand -hex 24";

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

bool is_printable(char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
}

/// Whether there are authorities in it. Whoever connects reads it anew, and may not be the first to complain.
bool can_be_trusted(const std::string& ca_file) {
    try {
        const http::tls_trust tried{ca_file};
        return true;
    } catch (const bad_result&) {
        return false;
    }
}

/// What is wrong with a secret as the last part of a URL's path; empty if nothing.
std::string fault_of(const std::string& value) {
    if (value.empty()) return "is empty";
    if (value.size() < shortest_secret) return "is shorter than 16 characters";
    if (value.size() > longest_secret) return "is longer than 256 characters";
    if (!std::ranges::all_of(value, is_unreserved)) return "holds a character other than A-Z a-z 0-9 - . _ ~";
    if (value.find_first_not_of('.') == std::string::npos) return "holds nothing but dots";
    return {};
}

/// What is wrong with a key as a header field's value; empty if nothing.
std::string fault_of_api_key(const std::string& value) {
    const auto visible = [](char c) { return c > 0x20 && c < 0x7f; };
    if (value.empty()) return "is empty";
    if (value.size() > longest_api_key) return "is longer than 512 characters";
    if (!std::ranges::all_of(value, visible)) return "holds a space or a character that is no visible ASCII";
    return {};
}

/// Whether somebody may have put the secret where the path of its file belongs; it must not be repeated then.
bool looks_like_a_secret(std::string_view path) {
    const auto has = [&](std::string_view any_of) {
        return path.find_first_of(any_of) != std::string_view::npos;
    };
    return path.size() >= shortest_secret && !has("/.") && has("0123456789");
}

/// Reads the secrets of one source, and what goes with them.
class source_secrets {
public:
    source_secrets(source_settings& source, const file_places& places, setting_problems& problems)
        : source_{source}, places_{places}, problems_{problems} {}

    void read_basic_auth();
    void read_required_header();
    void read_api_key();

private:
    [[nodiscard]] std::string key(std::string_view part) const {
        return "sources." + source_.name + "." + std::string{part};
    }

    std::optional<std::string> content_of(const std::string& named, const std::string& key) {
        return read_secret_file(named, key, places_, problems_);
    }

    source_settings& source_;
    const file_places& places_;
    setting_problems& problems_;
};

void source_secrets::read_basic_auth() {
    if (source_.basic_auth_file.empty()) return;
    auto content = content_of(source_.basic_auth_file, key("basic_auth_file"));
    if (!content) return;
    const auto colon = content->find(':');
    const bool usable = colon != std::string::npos && colon != 0 && colon + 1 != content->size() &&
                        std::ranges::all_of(*content, is_printable);
    if (usable) {
        source_.basic_auth = secret{std::move(*content)};
        return;
    }
    problems_.add(
        key("basic_auth_file"),
        display_text(std::string_view{source_.basic_auth_file}),
        "the file does not hold one line user:password",
        "write the user's name, a colon and the password into it, and nothing else"
    );
}

void source_secrets::read_required_header() {
    const auto& name = source_.required_header;
    const auto& file = source_.required_header_file;
    if (name.empty() && file.empty()) return;
    if (name.empty()) {
        problems_.add(
            key("required_header"), "", "is missing beside required_header_file", "name the header field"
        );
        return;
    }
    const auto in_name = [](char c) {
        return is_unreserved(c) || std::string_view{"!#$%&'*+^`|"}.find(c) != std::string_view::npos;
    };
    if (!std::ranges::all_of(name, in_name)) {
        const auto shown = display_text(std::string_view{name});
        problems_.add(
            key("required_header"), shown, "is not a header field's name", "for example \"X-Hook-Key\""
        );
    }
    if (file.empty()) {
        problems_.add(
            key("required_header_file"),
            "",
            "is missing beside required_header",
            "name a file that holds the value"
        );
        return;
    }
    auto content = content_of(file, key("required_header_file"));
    if (!content) return;
    const bool padded = content->starts_with(' ') || content->ends_with(' ');
    if (content->empty() || padded || !std::ranges::all_of(*content, is_printable)) {
        problems_.add(
            key("required_header_file"),
            display_text(std::string_view{file}),
            "the file does not hold a header field's value in one line",
            "write the value into it, without spaces around, and nothing else"
        );
        return;
    }
    source_.required_header_value = secret{std::move(*content)};
}

void source_secrets::read_api_key() {
    const auto& file = source_.api_key_file;
    const std::string paste = "copy it from the vendor's dashboard, in one line and without spaces";
    if (!source_.api_key.empty()) {
        if (!file.empty()) {
            problems_.add(
                key("api_key"),
                "***",
                "is set beside api_key_file, and only one of them can count",
                "unset " + environment_name(key("api_key")) + ", or take api_key_file away"
            );
        }
        const auto fault = fault_of_api_key(source_.api_key.reveal());
        if (!fault.empty()) problems_.add(key("api_key"), "***", "the key " + fault, paste);
        return;
    }
    if (file.empty() || problems_.concerns(key("api_key_file"))) return;
    auto content = content_of(file, key("api_key_file"));
    if (!content) return;
    const auto fault = fault_of_api_key(*content);
    if (fault.empty()) {
        source_.api_key = secret{std::move(*content)};
        return;
    }
    const auto reason = "the key in " + places_.find(file).string() + " " + fault;
    problems_.add(key("api_key_file"), display_text(std::string_view{file}), reason, paste);
}

}  // namespace

std::optional<std::string> read_secret_file(
    const std::string& named, const std::string& key, const file_places& places, setting_problems& problems
) {
    const auto path = places.find(named);
    auto file = read_text_file(path, largest_file);
    if (!file && looks_like_a_secret(named)) {
        problems.add(
            key, "***", "looks like a secret itself", "write it into a file and give the file's path here"
        );
        return {};
    }
    if (!file) {
        problems.add(
            key,
            display_text(std::string_view{named}),
            path.string() + " " + file.error().message,
            "give the path of a file that the daemon's user may read; a relative one starts at the "
            "configuration file"
        );
        return {};
    }
    if ((file->mode & 07U) != 0) {
        problems.add(
            key,
            display_text(std::string_view{named}),
            path.string() + " is open to every user of this machine",
            "chmod o-rwx '" + path.string() + "'"
        );
        return {};
    }
    auto& content = file->content;
    if (content.ends_with('\n')) content.pop_back();
    if (content.ends_with('\r')) content.pop_back();
    return std::move(content);
}

void read_secret_pair(const secret_pair& pair, const file_places& places, setting_problems& problems) {
    const auto key = [&](std::string_view part) { return pair.section + "." + std::string{part}; };
    if (!pair.values.empty()) {
        if (pair.values.size() > 2) {
            problems.add(
                key("secrets"), "***", "lists more than two secrets", "keep the old and the new one"
            );
        }
        for (const auto& value : pair.values) {
            const auto fault = pair.fault(value.reveal());
            if (!fault.empty())
                problems.add(key("secrets"), "***", "a secret " + fault, std::string{pair.make_one});
        }
        return;
    }
    if (problems.concerns(key("secret_files")) || problems.concerns(key("secrets"))) return;
    if (pair.files.empty()) {
        problems.add(
            key("secret_files"),
            "",
            "no secret is configured",
            "name a file that holds one, or set " + environment_name(key("secrets")) + "; " +
                std::string{pair.make_one}
        );
    }
    if (pair.files.size() > 2) {
        problems.add(
            key("secret_files"),
            std::to_string(pair.files.size()) + " files",
            "lists more than two files",
            "keep the old and the new one"
        );
        return;
    }
    for (const auto& named : pair.files) {
        auto content = read_secret_file(named, key("secret_files"), places, problems);
        if (!content) continue;
        const auto fault = pair.fault(*content);
        if (!fault.empty()) {
            const auto reason = "the secret in " + places.find(named).string() + " " + fault;
            problems.add(
                key("secret_files"), display_text(std::string_view{named}), reason, std::string{pair.make_one}
            );
            continue;
        }
        pair.values.emplace_back(std::move(*content));
    }
}

void check_ca_file(
    std::string& named, const std::string& key, const file_places& places, setting_problems& problems
) {
    if (named.empty() || problems.concerns(key)) return;
    const auto path = places.find(named).string();
    const auto file = read_text_file(path, largest_ca_file);
    if (file && can_be_trusted(path)) {
        named = path;
        return;
    }
    problems.add(
        key,
        display_text(std::string_view{named}),
        path + " " + (file ? "holds no certificate in PEM that can be read" : file.error().message),
        "give the path of a PEM file that the daemon's user may read, or leave it out for the system's "
        "authorities"
    );
}

std::vector<secret_file> secret_files_of(const settings& values, const file_places& places) {
    std::vector<secret_file> out;
    const auto add = [&](const std::string& key, const std::string& named) {
        if (!named.empty()) out.push_back({key, places.find(named).string()});
    };
    const auto add_all = [&](const std::string& key, const std::vector<std::string>& named) {
        for (const auto& one : named)
            add(key, one);
    };
    for (const auto& source : values.sources) {
        const auto section = "sources." + source.name;
        add_all(section + ".secret_files", source.secret_files);
        add(section + ".basic_auth_file", source.basic_auth_file);
        add(section + ".required_header_file", source.required_header_file);
        add(section + ".api_key_file", source.api_key_file);
    }
    for (const auto& token : values.tokens)
        add("tokens." + token.name + ".hash_file", token.hash_file);
    for (const auto& one : values.subscriptions)
        add_all("subscriptions." + one.name + ".secret_files", one.secret_files);
    add("hooks.tls_key_file", values.hooks.tls.key_file);
    add("api.tls_key_file", values.api.tls.key_file);
    add("nats.credentials_file", values.nats.credentials_file);
    add("nats.key_file", values.nats.key_file);
    return out;
}

void read_source_secrets(source_settings& source, const file_places& places, setting_problems& problems) {
    source_secrets reader{source, places, problems};
    read_secret_pair(
        {source.secrets, source.secret_files, "sources." + source.name, fault_of, make_one}, places, problems
    );
    reader.read_basic_auth();
    reader.read_required_header();
}

void read_api_access(source_settings& source, const file_places& places, setting_problems& problems) {
    source_secrets reader{source, places, problems};
    reader.read_api_key();
    check_ca_file(source.api_ca_file, "sources." + source.name + ".api_ca_file", places, problems);
}

}  // namespace callhook::app
