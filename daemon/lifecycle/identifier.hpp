#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>

namespace callhook::lifecycle {

enum class identifier_kind : std::uint8_t { phone, email };

/// `phone` or `email`.
std::string_view to_string(identifier_kind kind) noexcept;

/// What a person is known by: a number in E.164, or an e-mail address in lower case. Two spellings of one are
/// equal here.
struct identifier {
    identifier_kind kind = identifier_kind::phone;
    std::string value{};

    auto operator<=>(const identifier&) const = default;
};

/// Nothing where the text is no such thing. `region` as for `to_e164`.
std::optional<identifier> phone_identifier(std::string_view text, const std::string& region);
std::optional<identifier> email_identifier(std::string_view text);

/// Finds identifiers in texts, however they are written there: with separators, escapes of JSON, of URLs or
/// of HTML, in capitals, with or without the country's prefix, within a sentence. A number is found where it
/// stands by itself: not as a part of a longer one, of a word, or of a date. One thread.
class identifier_finder {
public:
    /// Finds all, at most so many numbers as make sense in one delivery: a text that is nothing but digits
    /// must not cost minutes.
    identifier_finder() = default;
    /// Finds this one, wherever it is; some hundred times as fast.
    explicit identifier_finder(identifier wanted);

    /// The country that numbers without an international prefix are read in, from now on.
    void set_region(std::string_view region) { region_ = region; }

    void look_in(std::string_view text);
    /// A number that JSON has as a number, by its decimal digits. Most such are counts and ids, so it counts
    /// as a telephone number only together with its country's prefix.
    void look_at_number(std::string_view digits);

    [[nodiscard]] const std::set<identifier>& found() const noexcept { return found_; }
    /// Whether there is nothing more to find.
    [[nodiscard]] bool done() const noexcept { return wanted_ && !found_.empty(); }
    /// Forgets what was found, for the next text.
    void clear();

private:
    void scan(std::string_view text);
    void scan_emails(std::string_view text);
    void scan_phones(std::string_view text);
    void try_email(std::string_view local, std::string_view domain);
    void try_phone(const std::string& spelled);
    [[nodiscard]] bool wants(identifier_kind kind) const noexcept {
        return !wanted_ || (wanted_->kind == kind && found_.empty());
    }

    std::optional<identifier> wanted_{};
    /// The last digits of a wanted number: a spelling that does not end in them is none of it.
    std::string tail_{};
    std::string region_{};
    std::set<identifier> found_{};
    std::unordered_set<std::string> tried_{};
};

}  // namespace callhook::lifecycle
