#include "lifecycle/identifier.hpp"

#include "base/phone.hpp"
#include "base/text.hpp"
#include "lifecycle/loosened_text.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

namespace callhook::lifecycle {

namespace {

/// What a number within a text has at least, so that not every year is one, and at most: 15 and `00`.
constexpr std::size_t fewest_digits = 7;
constexpr std::size_t most_digits = 17;
/// Enough to tell numbers apart cheaply, and never part of a prefix.
constexpr std::size_t tail_digits = 6;
/// The most that is read as a number where all of a delivery's are wanted.
constexpr std::size_t most_tried = 500;
/// What may stand between two groups of digits of one number.
constexpr std::size_t longest_gap = 3;
constexpr std::size_t longest_local = 64;
constexpr std::size_t longest_domain = 253;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_beyond_ascii(char c) {
    return static_cast<unsigned char>(c) >= 0x80;
}
bool is_gap(char c) {
    return std::string_view{" \t()-./+"}.find(c) != std::string_view::npos;
}
/// What addresses have before the @, and what they might have but mostly stands around them.
bool is_local(char c) {
    return is_letter(c) || is_digit(c) || is_beyond_ascii(c) ||
           std::string_view{"._%+-"}.find(c) != std::string_view::npos;
}
bool is_odd_local(char c) {
    return is_local(c) || std::string_view{"!#$&'*/=?^`{|}~"}.find(c) != std::string_view::npos;
}
bool is_domain(char c) {
    return is_letter(c) || is_digit(c) || is_beyond_ascii(c) || c == '-' || c == '.';
}

/// A group of digits in a text.
struct group {
    std::size_t begin = 0;
    std::size_t end = 0;

    [[nodiscard]] std::size_t size() const { return end - begin; }
};

int value_of(std::string_view text, const group& g) {
    int value = 0;
    std::from_chars(text.data() + g.begin, text.data() + g.end, value);
    return value;
}

/// Whether these three groups are a date, such as 2016-09-08 or 8.09.2016.
bool is_date(std::string_view text, const group& a, const group& b, const group& c) {
    if (b.begin - a.end != 1 || c.begin - b.end != 1 || text[a.end] != text[b.end]) return false;
    if (std::string_view{"-./"}.find(text[a.end]) == std::string_view::npos || b.size() > 2) return false;
    const bool year_first = a.size() == 4 && c.size() <= 2;
    const bool year_last = c.size() == 4 && a.size() <= 2;
    if (!year_first && !year_last) return false;
    const auto year = value_of(text, year_first ? a : c);
    const auto x = value_of(text, b);
    const auto y = value_of(text, year_first ? c : a);
    return year >= 1900 && year < 2100 && std::min(x, y) >= 1 && std::min(x, y) <= 12 && std::max(x, y) <= 31;
}

std::vector<group> groups_of(std::string_view text) {
    std::vector<group> out;
    for (std::size_t at = 0; at < text.size();) {
        if (!is_digit(text[at])) {
            ++at;
            continue;
        }
        const auto begin = at;
        while (at < text.size() && is_digit(text[at]))
            ++at;
        out.push_back({begin, at});
    }
    return out;
}

bool is_apart(std::string_view text, const group& before, const group& after) {
    const auto gap = text.substr(before.end, after.begin - before.end);
    return gap.size() > longest_gap || !std::all_of(gap.begin(), gap.end(), is_gap);
}

bool has_plus(std::string_view text, std::size_t begin) {
    for (std::size_t back = 1; back <= longest_gap && back <= begin; ++back) {
        const char c = text[begin - back];
        if (c == '+') return true;
        if (c != ' ' && c != '(') return false;
    }
    return false;
}

/// `(0)`, which is not dialled from abroad.
bool is_trunk_prefix(std::string_view text, const group& g) {
    return g.size() == 1 && text[g.begin] == '0' && g.begin > 0 && text[g.begin - 1] == '(' &&
           g.end < text.size() && text[g.end] == ')';
}

std::string_view without_front(std::string_view text, std::string_view what) {
    const auto begin = text.find_first_not_of(what);
    return begin == std::string_view::npos ? std::string_view{} : text.substr(begin);
}

}  // namespace

std::string_view to_string(identifier_kind kind) noexcept {
    return kind == identifier_kind::phone ? "phone" : "email";
}

std::optional<identifier> phone_identifier(std::string_view text, const std::string& region) {
    auto number = to_e164(trim(text), region);
    if (!number) return {};
    return identifier{identifier_kind::phone, std::move(*number)};
}

std::optional<identifier> email_identifier(std::string_view text) {
    text = trim(text);
    const auto at = text.find('@');
    if (at == std::string_view::npos || at == 0 || at > longest_local) return {};
    const auto domain = text.substr(at + 1);
    if (domain.empty() || domain.size() > longest_domain) return {};
    if (!std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), is_odd_local)) return {};
    if (!std::all_of(domain.begin(), domain.end(), is_domain)) return {};
    if (domain.back() == '.' || domain.back() == '-') return {};
    return identifier{identifier_kind::email, to_lower(text)};
}

identifier_finder::identifier_finder(identifier wanted) : wanted_{std::move(wanted)} {
    const auto& value = wanted_->value;
    if (wanted_->kind == identifier_kind::phone)
        tail_ = value.substr(value.size() - std::min(tail_digits, value.size() - 1));
}

void identifier_finder::clear() {
    found_.clear();
    tried_.clear();
}

void identifier_finder::look_in(std::string_view text) {
    if (done()) return;
    scan(text);
    // Escapes within escapes: JSON in a URL in JSON is not unheard of.
    std::string plainer;
    for (int depth = 0; depth < 3 && !done(); ++depth) {
        auto next = loosened(text);
        if (!next) return;
        plainer = std::move(*next);
        text = plainer;
        scan(text);
    }
}

void identifier_finder::look_at_number(std::string_view digits) {
    if (wants(identifier_kind::phone) && digits.size() >= fewest_digits && digits.size() <= most_digits)
        try_phone('+' + std::string{digits});
}

void identifier_finder::scan(std::string_view text) {
    if (wants(identifier_kind::email)) scan_emails(text);
    if (wants(identifier_kind::phone)) scan_phones(text);
}

void identifier_finder::scan_emails(std::string_view text) {
    for (auto at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
        auto wide = at;
        while (wide > 0 && at - wide < longest_local && is_odd_local(text[wide - 1]))
            --wide;
        auto narrow = at;
        while (narrow > wide && is_local(text[narrow - 1]))
            --narrow;
        auto end = at + 1;
        while (end < text.size() && end - at <= longest_domain && is_domain(text[end]))
            ++end;
        while (end > at + 1 && (text[end - 1] == '.' || text[end - 1] == '-'))
            --end;
        const auto domain = text.substr(at + 1, end - at - 1);
        if (domain.empty()) continue;
        const auto local = text.substr(narrow, at - narrow);
        try_email(text.substr(wide, at - wide), domain);
        try_email(without_front(text.substr(wide, at - wide), "'`{|/=?&#*"), domain);
        try_email(local, domain);
        try_email(without_front(local, "._%+-"), domain);
    }
}

void identifier_finder::try_email(std::string_view local, std::string_view domain) {
    if (local.empty()) return;
    identifier one{identifier_kind::email, to_lower(local) + '@' + to_lower(domain)};
    if (!wanted_ || *wanted_ == one) found_.insert(std::move(one));
}

void identifier_finder::scan_phones(std::string_view text) {
    const auto groups = groups_of(text);
    std::size_t date_end = 0;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (i + 2 < groups.size() && is_date(text, groups[i], groups[i + 1], groups[i + 2])) date_end = i + 3;
        if (i < date_end) continue;
        const auto begin = groups[i].begin;
        if (begin > 0 && is_letter(text[begin - 1])) continue;
        const bool plus = has_plus(text, begin);
        std::string digits;
        std::string dialled;
        for (std::size_t j = i; j < groups.size(); ++j) {
            if (j > i && is_apart(text, groups[j - 1], groups[j])) break;
            if (j > i && j + 2 < groups.size() && is_date(text, groups[j], groups[j + 1], groups[j + 2]))
                break;
            if (digits.size() + groups[j].size() > most_digits) break;
            const auto more = text.substr(groups[j].begin, groups[j].size());
            digits += more;
            if (!plus || !is_trunk_prefix(text, groups[j])) dialled += more;
            const auto end = groups[j].end;
            if (digits.size() < fewest_digits || (end < text.size() && is_letter(text[end]))) continue;
            try_phone(plus ? '+' + digits : digits);
            if (dialled != digits) try_phone('+' + dialled);
            if (!plus && digits.starts_with("00")) try_phone('+' + digits.substr(2));
            if (done()) return;
        }
    }
    // The whole of a short text may be a number that the rules above are too strict for.
    const auto whole = trim(text);
    const auto fits = [](char c) { return is_digit(c) || is_gap(c) || is_beyond_ascii(c); };
    const bool date = groups.size() == 3 && is_date(text, groups[0], groups[1], groups[2]);
    if (!date && whole.size() <= 40 && std::all_of(whole.begin(), whole.end(), fits))
        try_phone(std::string{whole});
}

void identifier_finder::try_phone(const std::string& spelled) {
    if (wanted_) {
        const bool plain = std::none_of(spelled.begin(), spelled.end(), is_beyond_ascii);
        std::string digits;
        std::copy_if(spelled.begin(), spelled.end(), std::back_inserter(digits), is_digit);
        if (plain && !digits.ends_with(tail_)) return;
    } else if (tried_.size() >= most_tried || !tried_.insert(region_ + ' ' + spelled).second) {
        return;
    }
    auto one = phone_identifier(spelled, region_);
    if (one && (!wanted_ || *wanted_ == *one)) found_.insert(std::move(*one));
}

}  // namespace callhook::lifecycle
