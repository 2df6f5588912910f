#include "sources/callpage/document.hpp"

#include "sources/callpage/path.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <new>

namespace callhook::sources::callpage {

namespace {

/// Far above any `max_body` that makes sense, and a bound on what a thread's parser keeps.
constexpr std::size_t max_bytes = std::size_t{64} << 20;

/// simdjson's own bound on depth, which counts a little differently from release to release: it only has to
/// keep the checks below from running deep; those hold `max_depth` exactly.
constexpr std::size_t parser_depth = 2 * max_depth;

constexpr const char* too_deep = "nested deeper than 32 levels";
static_assert(max_depth == 32);

/// One thread's parser with a copy of the body, since simdjson reads past the end of what it is given.
class padded_parser {
public:
    simdjson::simdjson_result<dom::element> parse(std::string_view body) {
        if (body.size() > capacity_ || !buffer_) grow(body.size());
        std::memcpy(buffer_.get(), body.data(), body.size());
        std::memset(buffer_.get() + body.size(), 0, simdjson::SIMDJSON_PADDING);
        return parser_.parse(buffer_.get(), body.size(), false);
    }

private:
    void grow(std::size_t needed) {
        const std::size_t capacity = std::bit_ceil(std::max<std::size_t>(needed, 16 * 1024));
        buffer_ = std::make_unique<char[]>(capacity + simdjson::SIMDJSON_PADDING);
        if (parser_.allocate(capacity, parser_depth) != simdjson::SUCCESS) throw std::bad_alloc{};
        capacity_ = capacity;
    }

    dom::parser parser_{max_bytes};
    std::unique_ptr<char[]> buffer_{};
    std::size_t capacity_ = 0;
};

/// simdjson's codes may differ between processors and releases for the same bad body, so only sure ones are
/// told apart.
const char* words_for(simdjson::error_code failure) {
    switch (failure) {
        case simdjson::MEMALLOC:
            throw std::bad_alloc{};
        case simdjson::UTF8_ERROR:
            return "the document: not UTF-8";
        case simdjson::EMPTY:
            return "the document: empty";
        case simdjson::DEPTH_ERROR:
            return "the document: nested deeper than 32 levels";
        default:
            return "the document: not JSON";
    }
}

bool is_surrogate_at(std::string_view text, std::size_t i) {
    // U+D800 to U+DFFF in UTF-8 is ED A0..BF xx. simdjson 3.0 lets a lone low surrogate through.
    return text[i] == '\xed' && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) >= 0xa0;
}

class checker {
public:
    explicit checker(bool has_escapes) : has_escapes_{has_escapes} {}

    bool check(dom::element value);

    std::string failure{};

private:
    bool check_text(std::string_view text, const char* nul, const char* surrogate);
    bool check_object(dom::object object);
    bool check_keys(dom::object object);

    bool fail(std::string_view what) {
        failure = at_.shown();
        failure += ": ";
        failure += what;
        return false;
    }

    bool has_escapes_;
    path at_{};
};

bool checker::check(dom::element value) {
    switch (value.type()) {
        case dom::element_type::OBJECT:
            return check_object(as<dom::object>(value));
        case dom::element_type::ARRAY: {
            if (at_.depth() >= max_depth) return fail(too_deep);
            std::size_t index = 0;
            for (const auto item : as<dom::array>(value)) {
                const path::step down{at_, index++};
                if (!check(item)) return false;
            }
            return true;
        }
        case dom::element_type::STRING:
            return check_text(
                as<std::string_view>(value), "a string with U+0000", "a string with a lone surrogate"
            );
        case dom::element_type::UINT64:
            return fail("an integer beyond 64 bits");
        default:
            return true;
    }
}

bool checker::check_text(std::string_view text, const char* nul, const char* surrogate) {
    // Neither can come in but by an escape: the parser refuses control characters and bad UTF-8.
    if (!has_escapes_) return true;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\0') return fail(nul);
        if (is_surrogate_at(text, i)) return fail(surrogate);
    }
    return true;
}

bool checker::check_object(dom::object object) {
    if (at_.depth() >= max_depth) return fail(too_deep);
    if (!check_keys(object)) return false;
    for (const auto member : object) {
        const path::step down{at_, member.key};
        if (!check_text(member.key, "a key with U+0000", "a key with a lone surrogate")) return false;
        if (!check(member.value)) return false;
    }
    return true;
}

bool checker::check_keys(dom::object object) {
    std::array<std::string_view, 32> few;
    std::size_t count = 0;
    for (const auto member : object) {
        if (count == few.size()) {
            // Too many to compare each with each. Sorting rather than hashing: nobody can pick keys that make
            // it slow.
            std::vector<std::string_view> many;
            for (const auto each : object)
                many.push_back(each.key);
            std::sort(many.begin(), many.end());
            const auto twice = std::adjacent_find(many.begin(), many.end());
            if (twice == many.end()) return true;
            const path::step down{at_, *twice};
            return fail("a key that occurs twice");
        }
        const auto end = few.begin() + count;
        if (std::find(few.begin(), end, member.key) != end) {
            const path::step down{at_, member.key};
            return fail("a key that occurs twice");
        }
        few[count++] = member.key;
    }
    return true;
}

}  // namespace

document parse_document(std::string_view body) {
    // Older simdjson refuses a byte order mark and newer skips it; RFC 8259 section 8.1 forbids sending one.
    if (body.starts_with("\xef\xbb\xbf")) return {{}, "the document: starts with a byte order mark"};
    if (body.empty()) return {{}, "the document: empty"};
    if (body.size() > max_bytes) return {{}, "the document: larger than 64 MiB"};
    thread_local padded_parser parser;
    dom::element root;
    if (const auto failure = parser.parse(body).get(root)) {
        return {{}, words_for(failure)};
    }
    checker all{body.find('\\') != std::string_view::npos};
    all.check(root);
    return {root, std::move(all.failure)};
}

}  // namespace callhook::sources::callpage
