#include "http/parser.hpp"

#include "base/text.hpp"
#include "http/framing.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

namespace callhook::http {

namespace {

namespace beast_http = boost::beast::http;

}  // namespace

void chunk_start::header(
    std::uint64_t size, boost::beast::string_view extension, boost::beast::error_code& failure
) noexcept {
    within_ = size > 0;
    if (!is_field_value({extension.data(), extension.size()}))
        failure = beast_http::error::bad_chunk_extension;
}

bool request_parser::parse_head(std::string_view block) {
    header_limit(static_cast<std::uint32_t>(block.size()));
    error_code failure;
    const auto taken = put({block.data(), block.size()}, failure);
    if (failure == beast_http::error::need_more || failure || taken != block.size() || !is_header_done())
        return false;
    // The guard has checked the number; Beast has parsed it too, so a disagreement is a bug worth a refusal.
    const auto announced = head_.header("content-length");
    if (!announced.empty()) head_.content_length = parse_integer<std::uint64_t>(announced);
    const auto parsed = content_length();
    return head_.content_length.has_value() == parsed.has_value() &&
           (!parsed || *parsed == *head_.content_length);
}

request_parser::progress request_parser::parse_body(std::string_view received, std::size_t& taken) {
    taken = 0;
    if (start_.may_be_cut(received)) return progress::more;
    eager(true);
    error_code failure;
    taken = put({received.data(), received.size()}, failure);
    if (is_done()) return progress::done;
    if (!failure || failure == beast_http::error::need_more) return progress::more;
    if (failure == beast_http::error::body_limit) return progress::too_large;
    if (failure == boost::system::errc::not_enough_memory) return progress::no_memory;
    return progress::malformed;
}

void request_parser::on_request_impl(verb, text method, text target, int version, error_code&) {
    head_.method.assign(method.data(), method.size());
    head_.target.assign(target.data(), target.size());
    head_.version = static_cast<unsigned>(version);
    const std::string_view whole{head_.target};
    const auto mark = whole.find('?');
    head_.path = whole.substr(0, mark);
    if (mark != std::string_view::npos) head_.query = whole.substr(mark + 1);
    head_.fields.reserve(16);
}

void request_parser::on_field_impl(field_id, text name, text value, error_code&) {
    if (head_done_) return;
    head_.fields.push_back({{name.data(), name.size()}, {value.data(), value.size()}});
}

std::size_t request_parser::on_chunk_body_impl(std::uint64_t remain, text body, error_code& failure) {
    start_.body(remain, body.size());
    if (!sink_.append({body.data(), body.size()})) {
        failure = boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
    }
    return body.size();
}

}  // namespace callhook::http
