// The HTTP boundary: raw bytes as one connection's requests, taken as http/session takes them, without a
// socket.
//
// Promises: how the bytes come in portions does not matter; a request that is taken has the framing that a
// strict reader sees, so that nobody on the way can have seen other requests; bounds hold.
#include "base/text.hpp"
#include "fuzz/support.hpp"
#include "http/framing.hpp"
#include "http/parser.hpp"
#include "http/query.hpp"
#include "http/router.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

namespace callhook::http {
namespace {

using fuzz::require;

constexpr std::size_t max_header = 1024;
constexpr std::size_t max_body = 256;
constexpr std::size_t budget_bytes = 4096;

struct nowhere final : endpoint {
    boost::asio::awaitable<response> handle(request) override { throw 0; }
};

const router& routes() {
    static const router all = [] {
        router made;
        const auto target = std::make_shared<nowhere>();
        made.add("POST", "/hooks/{source}/{secret}", target);
        made.add("GET", "/v1/calls/{source}/{id}", target);
        made.add("GET", "/v1/events", target);
        made.add("PUT", "/v1/consumers/{name}", target);
        return made;
    }();
    return all;
}

/// A request that was taken, and where it ended among all bytes.
struct taken {
    std::string method;
    std::string target;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
    std::size_t begin = 0;
    std::size_t head_end = 0;
    std::size_t end = 0;

    bool operator==(const taken&) const = default;
};

/// `undecided`: the last bytes may turn out to be no chunk, which small portions may show sooner or later.
enum class ending { waiting, undecided, refused };

struct conversation {
    std::vector<taken> requests;
    ending end = ending::waiting;

    bool operator==(const conversation&) const = default;
};

/// Reads requests from bytes that come in portions.
class connection {
public:
    connection(std::string_view bytes, std::size_t portion) : bytes_{bytes}, portion_{portion} {}

    conversation run() {
        while (next()) {
        }
        return std::move(out_);
    }

private:
    [[nodiscard]] std::string_view buffered() const {
        return bytes_.substr(consumed_, received_ - consumed_);
    }

    bool more() {
        if (received_ == bytes_.size()) return false;
        received_ = std::min(bytes_.size(), received_ + portion_);
        return true;
    }

    bool refuse() {
        out_.end = ending::refused;
        return false;
    }

    bool next() {
        head_scanner scanner;
        bool blank_line_skipped = false;
        for (;;) {
            if (!blank_line_skipped && buffered().starts_with("\r\n")) {
                consumed_ += 2;
                blank_line_skipped = true;
            }
            const bool lone_cr = !blank_line_skipped && buffered() == "\r";
            if (!lone_cr) {
                const auto seen = scanner.scan(buffered());
                if (seen == head_progress::malformed) return refuse();
                if (seen == head_progress::whole) break;
            }
            if (!more()) return false;
        }
        if (scanner.position > max_header) return refuse();
        return serve(buffered().substr(0, scanner.position));
    }

    bool serve(std::string_view raw) {
        body_budget budget{budget_bytes, 0};
        {
            request head;
            body_sink body{budget};
            request_parser parser{head, body};
            if (check_framing(raw).has_error() || !parser.parse_head(raw)) return refuse();
            const auto begin = consumed_;
            consumed_ += raw.size();
            const auto head_end = consumed_;
            const auto match = routes().match(head.method, head.path);
            require(match.status == 200 || match.status == 404 || match.status == 405, "a route's status");
            require((match.target != nullptr) == (match.status == 200), "a route has a target");
            for (const auto& p : match.parameters)
                require(!p.value.empty() && p.value.find('\0') == std::string::npos, "a path parameter");
            (void)query_parameters::parse(head.query);
            if (head.content_length.value_or(0) > max_body) return refuse();
            if (parser.chunked()) {
                if (!receive_chunks(parser)) return false;
            } else if (!receive(body, head.content_length.value_or(0))) {
                return false;
            }
            require(body.body().size() <= max_body, "the bound of a body holds");
            require(
                body.body().empty() || body.body().capacity() >= body.body().size() + body_padding, "padding"
            );
            taken whole{head.method, head.target, {}, body.body(), begin, head_end, consumed_};
            for (auto& f : head.fields)
                whole.fields.emplace_back(f.name, f.value);
            out_.requests.push_back(std::move(whole));
            if (!parser.keep_alive()) return false;
        }
        require(budget.used == 0, "what a body took from the budget is given back");
        return true;
    }

    bool receive(body_sink& into, std::size_t length) {
        while (buffered().size() < length) {
            if (!more()) return false;
        }
        if (!into.append(buffered().substr(0, length))) return refuse();
        consumed_ += length;
        return true;
    }

    bool receive_chunks(request_parser& parser) {
        parser.limit_body(max_body);
        for (;;) {
            if (!buffered().empty()) {
                std::size_t size = 0;
                const auto progress = parser.parse_body(buffered(), size);
                require(size <= buffered().size(), "no more is taken than there is");
                consumed_ += size;
                if (progress == request_parser::progress::done) return true;
                if (progress != request_parser::progress::more) return refuse();
            }
            if (more()) continue;
            if (!buffered().empty()) out_.end = ending::undecided;
            return false;
        }
    }

    std::string_view bytes_;
    std::size_t portion_;
    std::size_t received_ = 0;
    std::size_t consumed_ = 0;
    conversation out_{};
};

/// RFC 9112 section 7.1 to the letter, but for what an extension or a trailer says: the decoded chunks, and
/// how many bytes they took; nothing where it is malformed or not whole.
struct dechunked {
    std::string body;
    std::size_t size = 0;
};

std::optional<dechunked> dechunk(std::string_view bytes) {
    dechunked out;
    const auto line = [&]() -> std::optional<std::string_view> {
        const auto end = bytes.find_first_of("\r\n", out.size);
        if (end == std::string_view::npos || bytes.substr(end, 2) != "\r\n") return {};
        const auto text = bytes.substr(out.size, end - out.size);
        out.size = end + 2;
        return text;
    };
    for (;;) {
        const auto header = line();
        if (!header) return {};
        const auto digits = header->substr(0, header->find_first_not_of("0123456789abcdefABCDEF"));
        const auto significant = digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
        if (digits.empty() || significant.size() > 16) return {};
        const auto after = header->substr(digits.size());
        if (!after.empty() && after.find_first_of("; \t") != 0) return {};
        std::uint64_t size = 0;
        (void)std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
        if (size == 0) break;
        if (size > bytes.size() - out.size) return {};
        out.body += bytes.substr(out.size, size);
        out.size += size;
        if (bytes.substr(out.size, 2) != "\r\n") return {};
        out.size += 2;
    }
    for (;;) {
        const auto trailer = line();
        if (!trailer) return {};
        if (trailer->empty()) return out;
    }
}

/// Reads the head by itself, in the simplest way there is, and holds what was taken against it.
void check(const taken& one, std::string_view all) {
    const auto head = all.substr(one.begin, one.head_end - one.begin);
    require(head.find('\0') == std::string_view::npos, "no NUL in a head");
    std::size_t hosts = 0;
    std::optional<std::uint64_t> length;
    bool chunked = false;
    std::size_t fields = 0;
    std::size_t at = head.find("\r\n");
    const bool version_11 = head.substr(0, at).ends_with("HTTP/1.1");
    for (at += 2; at < head.size() - 2;) {
        const auto end = head.find("\r\n", at);
        const auto line = head.substr(at, end - at);
        at = end + 2;
        require(
            line.find('\n') == std::string_view::npos && line.find('\r') == std::string_view::npos,
            "line ends"
        );
        const auto colon = line.find(':');
        require(colon != std::string_view::npos && colon > 0 && line.front() > ' ', "a field has a name");
        const auto name = to_lower(line.substr(0, colon));
        const auto value = trim(line.substr(colon + 1));
        if (name == "host") ++hosts;
        if (name == "transfer-encoding") {
            require(!chunked && to_lower(value) == "chunked", "one Transfer-Encoding, chunked");
            chunked = true;
        }
        if (name == "content-length") {
            require(!length, "one Content-Length");
            length = parse_integer<std::uint64_t>(value);
            require(length.has_value(), "Content-Length is a number");
        }
        require(fields < one.fields.size(), "as many fields as lines");
        require(to_lower(one.fields[fields].first) == name, "a field's name is its line's");
        require(one.fields[fields].second == value, "a field's value is its line's");
        ++fields;
    }
    require(fields == one.fields.size() && fields <= max_fields, "no field but those of the head");
    require(hosts == 1 || (hosts == 0 && !version_11), "one Host");
    require(!(chunked && length) && (version_11 || !chunked), "one framing");
    if (chunked) {
        const auto expected = dechunk(all.substr(one.head_end));
        require(expected.has_value(), "what was taken is well chunked");
        require(expected->body == one.body, "the body is that of the chunks");
        require(one.head_end + expected->size == one.end, "the body ends where the chunks do");
    } else {
        require(one.body == all.substr(one.head_end, length.value_or(0)), "the body is of its length");
        require(one.end == one.head_end + one.body.size(), "the body ends by its length");
    }
}

}  // namespace
}  // namespace callhook::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace callhook;
    const auto bytes = fuzz::as_text(data, size);
    const auto whole = http::connection{bytes, size + 1}.run();
    for (const auto& one : whole.requests)
        http::check(one, bytes);
    // Any portion could be wrong, and each costs time: the size picks one, and one byte at a time is the
    // hardest.
    for (const std::size_t portion : {std::size_t{1}, 2 + size % 61}) {
        if (size > 512 && portion == 1) continue;
        const auto same = http::connection{bytes, portion}.run();
        fuzz::require(same.requests == whole.requests, "portions do not matter to requests");
        const bool undecided = same.end == http::ending::undecided || whole.end == http::ending::undecided;
        fuzz::require(undecided || same.end == whole.end, "portions do not matter to the end");
    }
    return 0;
}
