#include "sources/callpage/document.hpp"

#include "sources/callpage/path.hpp"

#include <algorithm>
#include <bit>
#include <bitset>
#include <cstdint>
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

constexpr const char* key_twice = "a key that occurs twice";
constexpr std::size_t few_keys = 32;
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

/// Differs for most keys that one object has, since they differ in length, beginning or end.
std::uint8_t marked_by(std::string_view key) {
    if (key.empty()) return 0;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(key[i]); };
    return static_cast<std::uint8_t>(
        key.size() * 29 + byte(0) * 7U + byte(key.size() / 2) * 13U + byte(key.size() - 1) * 3U
    );
}

class checker {
public:
    explicit checker(bool has_escapes) : has_escapes_{has_escapes} {}

    /// What is wrong and where; empty where nothing is.
    std::string check_all(dom::element root) {
        if (check(root, 0)) return {};
        return (where_.empty() ? "the document" : where_) + ": " + failure_;
    }

private:
    bool check(dom::element value, std::size_t depth) {
        switch (value.type()) {
            case dom::element_type::OBJECT:
                return check_object(as<dom::object>(value), depth);
            case dom::element_type::ARRAY:
                return check_array(as<dom::array>(value), depth);
            case dom::element_type::STRING:
                return !has_escapes_ || check_escaped(
                                            as<std::string_view>(value),
                                            "a string with U+0000",
                                            "a string with a lone surrogate"
                                        );
            case dom::element_type::UINT64:
                return fail("an integer beyond 64 bits");
            default:
                return true;
        }
    }
    bool check_array(dom::array array, std::size_t depth);
    bool check_object(dom::object object, std::size_t depth);
    bool check_keys(dom::object object);
    bool check_many_keys(dom::object object);

    bool check_text(std::string_view text, const char* nul, const char* surrogate) {
        // Neither can come in but by an escape: the parser refuses control characters and bad UTF-8.
        return !has_escapes_ || check_escaped(text, nul, surrogate);
    }
    bool check_escaped(std::string_view text, const char* nul, const char* surrogate);

    bool fail(const char* what) {
        failure_ = what;
        return false;
    }

    /// That it failed below here. The place is put together on the way out: most documents need none.
    bool failed_under(const path::segment& at) {
        where_.insert(0, path::shown(at));
        return false;
    }

    bool has_escapes_;
    const char* failure_ = "";
    std::string where_{};
};

bool checker::check_escaped(std::string_view text, const char* nul, const char* surrogate) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\0') return fail(nul);
        if (is_surrogate_at(text, i)) return fail(surrogate);
    }
    return true;
}

bool checker::check_array(dom::array array, std::size_t depth) {
    if (depth >= max_depth) return fail(too_deep);
    std::size_t index = 0;
    for (const auto item : array) {
        if (!check(item, depth + 1)) return failed_under(index);
        ++index;
    }
    return true;
}

bool checker::check_object(dom::object object, std::size_t depth) {
    if (depth >= max_depth) return fail(too_deep);
    if (!check_keys(object)) return false;
    for (const auto member : object) {
        const bool sound = check_text(member.key, "a key with U+0000", "a key with a lone surrogate") &&
                           check(member.value, depth + 1);
        if (!sound) return failed_under(member.key);
    }
    return true;
}

bool checker::check_keys(dom::object object) {
    std::size_t count = 0;
    std::bitset<256> seen;  // of most keys it tells at once that they are new
    const auto begin = object.begin();
    const auto end = object.end();
    for (auto member = begin; member != end; ++member) {
        if (++count > few_keys) return check_many_keys(object);
        const auto key = member.key();
        auto mark = seen[marked_by(key)];
        if (mark) {
            for (auto before = begin; before != member; ++before) {
                if (before.key() != key) continue;
                fail(key_twice);
                return failed_under(key);
            }
        }
        mark = true;
    }
    return true;
}

/// Too many to compare each with each. Sorting rather than hashing: nobody can pick keys that make it slow.
bool checker::check_many_keys(dom::object object) {
    std::vector<std::string_view> keys;
    for (const auto member : object)
        keys.push_back(member.key);
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice == keys.end()) return true;
    fail(key_twice);
    return failed_under(*twice);
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
    return {root, checker{body.find('\\') != std::string_view::npos}.check_all(root)};
}

}  // namespace callhook::sources::callpage
