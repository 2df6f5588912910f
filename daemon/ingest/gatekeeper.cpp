#include "ingest/gatekeeper.hpp"

#include "base/text.hpp"

namespace callhook::ingest {

namespace {

/// `Authorization: Basic …` (RFC 7617) decoded to `user:password`; empty where there is none.
std::string basic_credentials(const http::request_head& head) {
    const auto value = head.header("Authorization");
    constexpr std::string_view scheme = "Basic ";
    if (value.size() <= scheme.size() || !equals_ignoring_case(value.substr(0, scheme.size()), scheme))
        return {};
    return base64_decode(trim(value.substr(scheme.size()))).value_or("");
}

bool allowed_from(const http::network_list& allow, const std::string& client) {
    if (allow.empty()) return true;
    boost::system::error_code failed;
    const auto address = boost::asio::ip::make_address(client, failed);
    return !failed && allow.contains(address);
}

}  // namespace

gatekeeper::gatekeeper(std::map<std::string, source_access, std::less<>> sources)
    : sources_{std::move(sources)}, nobody_{{secret{"nobody"}, secret{"no one"}}, {}, {}, {}, {}} {
    // Each source is compared with as many secrets, so that their number does not show either.
    for (auto& [name, access] : sources_) {
        if (access.secrets.size() == 1) access.secrets.push_back(access.secrets.front());
    }
}

bool gatekeeper::admits(
    std::string_view source,
    std::string_view path_secret,
    const http::request_head& head,
    const std::string& client
) const {
    const auto found = sources_.find(source);
    const bool known = found != sources_.end();
    const auto& access = known ? found->second : nobody_;
    bool matched = false;
    const shown_secret shown{path_secret};
    for (const auto& s : access.secrets)
        matched = s.matches(shown) | matched;
    bool admitted = known & matched;
    if (!access.basic_auth.empty()) admitted = access.basic_auth.matches(basic_credentials(head)) & admitted;
    if (!access.required_header.empty()) {
        admitted = access.required_header_value.matches(head.header(access.required_header)) & admitted;
    }
    return admitted && allowed_from(access.allow, client);
}

}  // namespace callhook::ingest
