#include "app/listener_tls.hpp"

#include "app/secret_files.hpp"
#include "app/setting_value.hpp"
#include "app/text_file.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace callhook::app {
namespace {

constexpr std::size_t largest_file = 1024 * 1024;

using http::tls_identity;
using part = http::tls_identity_fault::part;

/// Reads what one listener names.
class listener_files {
public:
    listener_files(
        listener_tls& tls, std::string_view section, const file_places& places, setting_problems& problems
    )
        : tls_{tls}, section_{section}, places_{places}, problems_{problems} {}

    void read(std::chrono::system_clock::time_point now);

private:
    [[nodiscard]] std::string key(part of) const {
        return section_ + (of == part::certificates ? ".tls_certificate_file"
                           : of == part::key        ? ".tls_key_file"
                                                    : ".tls_client_ca_file");
    }
    [[nodiscard]] const std::string& named(part of) const {
        return of == part::certificates ? tls_.certificate_file
               : of == part::key        ? tls_.key_file
                                        : tls_.client_ca_file;
    }
    void refuse(part of, const std::string& reason, std::string hint) {
        const auto path = places_.find(named(of)).string();
        problems_.add(
            key(of), display_text(std::string_view{named(of)}), path + " " + reason, std::move(hint)
        );
    }

    void require(part of, part beside);
    std::optional<std::string> certificates(part of);

    listener_tls& tls_;
    std::string section_;
    const file_places& places_;
    setting_problems& problems_;
};

void listener_files::require(part of, part beside) {
    if (named(beside).empty() || !named(of).empty() || problems_.concerns(key(of))) return;
    problems_.add(
        key(of), "", "is missing beside " + key(beside), "a listener's certificate and its key go together"
    );
}

std::optional<std::string> listener_files::certificates(part of) {
    auto file = read_text_file(places_.find(named(of)), largest_file);
    if (file) return std::move(file->content);
    refuse(
        of,
        file.error().message,
        "give the path of a PEM file that the daemon's user may read; a relative one starts at the "
        "configuration file"
    );
    return {};
}

void listener_files::read(std::chrono::system_clock::time_point now) {
    for (const auto of : {part::certificates, part::key, part::client_authorities}) {
        require(part::certificates, of);
        require(part::key, of);
        if (problems_.concerns(key(of))) return;
    }
    if (tls_.certificate_file.empty()) return;
    const auto chain = certificates(part::certificates);
    auto key_text = read_secret_file(tls_.key_file, key(part::key), places_, problems_);
    const auto authorities =
        tls_.client_ca_file.empty() ? std::string{} : certificates(part::client_authorities);
    if (!chain || !key_text || !authorities) return;
    if (!tls_.client_ca_file.empty() && authorities->empty()) {
        refuse(part::client_authorities, "is empty", "give the path of a file that is not");
        return;
    }
    const secret private_key{std::move(*key_text)};
    auto made = tls_identity::make({*chain, private_key.reveal(), *authorities}, now);
    if (const auto* fault = std::get_if<http::tls_identity_fault>(&made)) {
        refuse(
            fault->of,
            fault->reason,
            fault->of == part::key ? "give the key, unencrypted, from which the certificate was made"
                                   : "give certificates in PEM that hold today, the listener's own first"
        );
        return;
    }
    tls_.identity = std::get<std::shared_ptr<const tls_identity>>(made);
}

}  // namespace

void read_listener_tls(
    settings& values,
    const file_places& places,
    std::chrono::system_clock::time_point now,
    setting_problems& problems
) {
    listener_files{values.hooks.tls, "hooks", places, problems}.read(now);
    listener_files{values.api.tls, "api", places, problems}.read(now);
}

}  // namespace callhook::app
