// The small languages: times, phone numbers, links, URLs, addresses, encodings. The first byte picks the
// reader, the rest is the text.
//
// Promises: what is read keeps to its form and its bounds, and what is written of it reads back as the same.
#include "base/digest.hpp"
#include "base/phone.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"
#include "base/uuid.hpp"
#include "feed/nats/server_url.hpp"
#include "feed/outbound/standard_webhooks.hpp"
#include "feed/outbound/target_url.hpp"
#include "fuzz/support.hpp"
#include "http/client_origin.hpp"
#include "http/client_request.hpp"
#include "ingest/client_address.hpp"
#include "sources/callpage/interpret.hpp"
#include "sources/callpage/local_time.hpp"
#include "sources/retry_after.hpp"

namespace {

using namespace callhook;
using fuzz::require;
using text = std::string_view;

void link(text t) {
    const auto id = sources::callpage::call_of_link(t);
    require(!id || *id > 0, "a call's id is above 0");
    require(!id || t.find("/calls/") != text::npos, "a link to a call says so");
}

void phone(text t) {
    const auto number = to_e164(t, "PL");
    if (!number) return;
    require(
        number->size() >= 3 && number->size() <= 20 && number->front() == '+', "E.164 is short and has a plus"
    );
    require(number->find_first_not_of("0123456789", 1) == std::string::npos, "E.164 is digits");
}

void rfc3339(text t) {
    const auto at = parse_rfc3339(t);
    if (at) require(parse_rfc3339(to_rfc3339(*at)) == at, "a time reads back");
}

void local_time(text t) {
    static const auto zone = sources::callpage::local_zone::find("Europe/Warsaw").value();
    const auto at = zone.read(t);
    require(at.raw == t, "the raw text is kept");
    if (!at.at) return;
    require(std::chrono::abs(at.offset) < std::chrono::hours{24}, "an offset is less than a day");
    const auto shown = to_rfc3339(*at.at, at.offset);
    const auto back = parse_rfc3339(shown);
    require(back && *back == utc_time{*at.at}, "a local time reads back");
}

void id(text t) {
    const auto read = parse_uuid(t);
    if (read) require(to_string(*read) == to_lower(t), "a UUID has one text");
}

void retry_after(text t) {
    const auto wait = sources::read_retry_after(t, utc_time{std::chrono::seconds{1'473'336'000}});
    if (wait) require(wait->count() >= 0 && *wait <= sources::longest_retry_after, "a wait is bounded");
}

/// Lines `name: value`, of which the addresses of a request's sender are found.
void addresses(text t) {
    static const http::network_list proxies{{"10.0.0.0/8", "fd00::/8"}};
    fuzz::input lines{t};
    http::request_head head;
    head.peer = "10.0.0.1";
    while (!lines.empty()) {
        fuzz::input line{lines.until('\n')};
        std::string name{line.until(':')};
        head.fields.push_back({std::move(name), std::string{trim(line.rest())}});
    }
    const auto address = ingest::client_address(head, proxies);
    const auto read = http::parse_address(address);
    require(read.has_value(), "a sender has an address");
    require(read->to_string() == address, "an address has one text");
}

void url(text t) {
    const auto target = feed::outbound::parse_target_url(t);
    if (!target) {
        require(fuzz::is_printable(target.error().message), "a refusal is fit to be shown");
        return;
    }
    require(target->target.starts_with('/'), "a target is a path");
    require(http::is_host(target->origin.host), "a host is one");
    const auto whole =
        (target->origin.tls ? "https://" : "http://") + http::host_and_port(target->origin) + target->target;
    const auto again = feed::outbound::parse_target_url(whole);
    // The port, written out, may make it longer than is taken.
    if (again)
        require(again->origin == target->origin && again->target == target->target, "a URL reads back");
    else
        require(whole.size() > t.size(), "a URL that was taken is taken again");
    const http::client_request get{.target = target->target};
    const auto wire = http::wire_request(get, target->origin, true);
    require(wire.has_value(), "what is a target can be sent");
    require(wire->find("\r\n\r\n") == wire->size() - 4, "a request is one request");
}

void server(text t) {
    const auto where = feed::nats::parse_server(t);
    if (!where) {
        require(fuzz::is_printable(where.error().message), "a refusal is fit to be shown");
        return;
    }
    require(!where->host.empty() && where->port != 0, "a server has host and port");
    require(fuzz::is_printable(feed::nats::shown(*where)), "a server can be shown");
    (void)feed::nats::is_stream_name(t);
    (void)feed::nats::is_subject_prefix(t);
}

void percent(text t) {
    const auto decoded = percent_decode(t);
    if (decoded) require(percent_decode(percent_encode(*decoded)) == decoded, "percent-encoding reads back");
    (void)percent_decode(t, true);
    require(fuzz::is_printable(escape_controls(t)), "no control character is left");
}

void base64(text t) {
    require(base64_decode(base64_encode(t)) == t, "Base64 reads back");
    const auto bytes = base64_decode(t);
    if (bytes) require(base64_decode(base64_encode(*bytes)) == bytes, "the bytes of Base64 read back");
    const auto secret = feed::outbound::signing_secret::parse(t);
    if (secret) require(secret->reveal() == t, "a secret keeps its text");
}

void network(text t) {
    const auto address = http::parse_address(t);
    if (address) require(http::parse_address(address->to_string()) == address, "an address reads back");
    try {
        const http::network_list list{{std::string{t}}};
        require(!list.empty(), "a network is one");
        if (address) require(list.contains(*address), "an address is in its own network");
    } catch (const std::invalid_argument&) {
        require(!address, "an address is a network");
    }
}

constexpr void (*readers[])(text) = {
    link, phone, rfc3339, local_time, id, retry_after, addresses, url, server, percent, base64, network};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in{fuzz::as_text(data, size)};
    const auto which = in.below(std::size(readers));
    readers[which](in.rest());
    return 0;
}
