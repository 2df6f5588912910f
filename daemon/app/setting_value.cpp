#include "app/setting_value.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace callhook::app {
namespace {

struct unit {
    std::string_view suffix;
    std::int64_t factor;
};

// Largest last: texts are made with the largest unit that divides.
constexpr std::array duration_units{
    unit{"ms", 1}, unit{"s", 1'000}, unit{"m", 60'000}, unit{"h", 3'600'000}, unit{"d", 86'400'000}};
constexpr std::array size_units{
    unit{"", 1}, unit{"KiB", 1 << 10}, unit{"MiB", 1 << 20}, unit{"GiB", 1 << 30}};

template <std::size_t N>
std::optional<std::int64_t> parse_with_unit(std::string_view text, const std::array<unit, N>& units) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_integer<std::int64_t>(text.substr(0, digits));
    const auto found = std::ranges::find(units, text.substr(digits), &unit::suffix);
    if (!number || found == units.end()) return {};
    if (*number > std::numeric_limits<std::int64_t>::max() / found->factor) return {};
    return *number * found->factor;
}

template <std::size_t N>
std::string text_with_unit(std::int64_t value, const std::array<unit, N>& units, std::string_view of_zero) {
    if (value == 0) return "0" + std::string{of_zero};
    const unit* largest = &units.front();
    for (const auto& u : units) {
        if (value % u.factor == 0) largest = &u;
    }
    return std::to_string(value / largest->factor) + std::string{largest->suffix};
}

std::optional<std::int64_t> read_number(const setting_shape& shape, const given_value& given) {
    const auto* text = std::get_if<std::string>(&given);
    if (shape.type == setting_type::duration) {
        const auto read = text ? parse_duration(*text) : std::nullopt;
        return read ? std::optional{read->count()} : std::nullopt;
    }
    if (shape.type == setting_type::size && text) return parse_size(*text);
    if (const auto* number = std::get_if<std::int64_t>(&given)) return *number;
    return {};
}

std::string_view wanted(const setting_shape& shape) {
    switch (shape.type) {
        case setting_type::flag:
            return "must be true or false";
        case setting_type::integer:
            return "must be a whole number";
        case setting_type::duration:
            return "must be a duration: a whole number with ms, s, m, h or d, such as \"5s\"";
        case setting_type::size:
            return "must be a size: bytes, or a whole number with KiB, MiB or GiB, such as \"1MiB\"";
        case setting_type::list:
            return "must be a list of strings";
        case setting_type::choice:
            return "must be one of the allowed words";
        case setting_type::durations:
            return "must be a list of durations: whole numbers with ms, s, m, h or d, such as [\"5s\", "
                   "\"2m\"]";
        case setting_type::integers:
            return "must be a list of whole numbers";
        case setting_type::text:
            break;
    }
    return "must be a string";
}

std::string quoted_list(const std::vector<std::string>& items) {
    std::string out = "[";
    for (const auto& item : items)
        out += (out.size() > 1 ? ", " : "") + in_quotes(item);
    return out + "]";
}

std::string plain_list(const std::vector<std::int64_t>& items) {
    std::string out = "[";
    for (const auto item : items)
        out += (out.size() > 1 ? ", " : "") + std::to_string(item);
    return out + "]";
}

/// Stores a number that is known to lie in the range; the table's ranges fit the slots (a test sees to it).
void store_number(setting_slot slot, std::int64_t number) {
    if (auto** port = std::get_if<std::uint16_t*>(&slot)) **port = static_cast<std::uint16_t>(number);
    if (auto** count = std::get_if<std::size_t*>(&slot)) **count = static_cast<std::size_t>(number);
    if (auto** time = std::get_if<milliseconds*>(&slot)) **time = milliseconds{number};
}

void store_choice(setting_slot slot, const std::string& word, std::size_t index) {
    if (auto** text = std::get_if<std::string*>(&slot)) **text = word;
    if (auto** level = std::get_if<log::level*>(&slot)) **level = static_cast<log::level>(index);
    if (auto** format = std::get_if<log::format*>(&slot)) **format = static_cast<log::format>(index);
}

void store_list(setting_slot slot, const std::vector<std::string>& items) {
    if (auto** texts = std::get_if<std::vector<std::string>*>(&slot)) **texts = items;
    if (auto** secrets = std::get_if<std::vector<secret>*>(&slot)) {
        (*secrets)->clear();
        for (const auto& item : items)
            (*secrets)->emplace_back(item);
    }
}

void store_text(setting_slot slot, const std::string& text) {
    if (auto** place = std::get_if<std::string*>(&slot)) **place = text;
    if (auto** place = std::get_if<secret*>(&slot)) **place = secret{text};
}

/// A list as numbers, durations in milliseconds; nothing where a member is of another kind.
std::optional<std::vector<std::int64_t>> read_numbers(const setting_shape& shape, const given_value& given) {
    const bool times = shape.type == setting_type::durations;
    std::vector<std::int64_t> numbers;
    if (const auto* given_numbers = std::get_if<std::vector<std::int64_t>>(&given); given_numbers && !times)
        return *given_numbers;
    const auto* texts = std::get_if<std::vector<std::string>>(&given);
    // An empty list has no kind; texts are whole numbers in the environment alone, which has read them.
    if (texts == nullptr || (!times && !texts->empty())) return {};
    for (const auto& text : *texts) {
        const auto time = parse_duration(text);
        if (!time) return {};
        numbers.push_back(time->count());
    }
    return numbers;
}

void store_numbers(setting_slot slot, const std::vector<std::int64_t>& numbers) {
    if (auto** plain = std::get_if<std::vector<std::int64_t>*>(&slot)) **plain = numbers;
    if (auto** times = std::get_if<std::vector<milliseconds>*>(&slot))
        **times = std::vector<milliseconds>(numbers.begin(), numbers.end());
}

std::optional<rejection> assign_numbers(
    const setting_shape& shape, setting_slot slot, const given_value& given
) {
    constexpr std::size_t most = 100;
    const auto numbers = read_numbers(shape, given);
    if (!numbers) return rejection{std::string{wanted(shape)}, "use " + allowed_text(shape)};
    if (numbers->size() > most) return rejection{"has more than 100 members", "use " + allowed_text(shape)};
    for (const auto number : *numbers) {
        if (number < shape.lowest)
            return rejection{"has a member that is too small", "use " + allowed_text(shape)};
        if (number > shape.highest)
            return rejection{"has a member that is too large", "use " + allowed_text(shape)};
    }
    store_numbers(slot, *numbers);
    return {};
}

std::optional<rejection> assign_number(
    const setting_shape& shape, setting_slot slot, const given_value& given
) {
    const auto number = read_number(shape, given);
    if (!number) return rejection{std::string{wanted(shape)}, "use " + allowed_text(shape)};
    if (*number < shape.lowest) return rejection{"is too small", "use " + allowed_text(shape)};
    if (*number > shape.highest) return rejection{"is too large", "use " + allowed_text(shape)};
    store_number(slot, *number);
    return {};
}

}  // namespace

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    const auto count = parse_with_unit(text, duration_units);
    return count ? std::optional{std::chrono::milliseconds{*count}} : std::nullopt;
}

std::optional<std::int64_t> parse_size(std::string_view text) {
    return parse_with_unit(text, size_units);
}

std::string duration_text(std::chrono::milliseconds value) {
    return text_with_unit(value.count(), duration_units, "s");
}

std::string size_text(std::int64_t bytes) {
    return text_with_unit(bytes, size_units, "");
}

namespace {

std::vector<std::string> items_of(std::string_view text) {
    std::vector<std::string> items;
    if (trim(text).empty()) return items;
    for (const auto item : split(text, ','))
        items.emplace_back(trim(item));
    return items;
}

}  // namespace

given_value from_environment(const setting_shape& shape, std::string_view text) {
    if (shape.type == setting_type::flag && text == "true") return true;
    if (shape.type == setting_type::flag && text == "false") return false;
    if (shape.type == setting_type::integer) {
        if (const auto number = parse_integer<std::int64_t>(text)) return *number;
    }
    if (shape.type == setting_type::list || shape.type == setting_type::durations) return items_of(text);
    if (shape.type == setting_type::integers) {
        const auto items = items_of(text);
        std::vector<std::int64_t> numbers;
        for (const auto& item : items) {
            const auto number = parse_integer<std::int64_t>(item);
            if (!number) return items;
            numbers.push_back(*number);
        }
        return numbers;
    }
    return std::string{text};
}

std::optional<rejection> assign(const setting_shape& shape, setting_slot slot, const given_value& given) {
    const auto wrong_type = [&] {
        return rejection{std::string{wanted(shape)}, "use " + allowed_text(shape)};
    };
    switch (shape.type) {
        case setting_type::integer:
        case setting_type::duration:
        case setting_type::size:
            return assign_number(shape, slot, given);
        case setting_type::durations:
        case setting_type::integers:
            return assign_numbers(shape, slot, given);
        case setting_type::flag: {
            const auto* value = std::get_if<bool>(&given);
            if (value == nullptr) return wrong_type();
            *std::get<bool*>(slot) = *value;
            return {};
        }
        case setting_type::list: {
            const auto* value = std::get_if<std::vector<std::string>>(&given);
            if (value == nullptr) return wrong_type();
            store_list(slot, *value);
            return {};
        }
        case setting_type::text:
        case setting_type::choice:
            break;
    }
    const auto* value = std::get_if<std::string>(&given);
    if (value == nullptr) return wrong_type();
    if (shape.type == setting_type::text) {
        store_text(slot, *value);
        return {};
    }
    const auto found = std::ranges::find(shape.choices, *value);
    if (found == shape.choices.end()) return wrong_type();
    store_choice(slot, *value, static_cast<std::size_t>(found - shape.choices.begin()));
    return {};
}

std::string show_as_toml(const setting_shape& shape, setting_slot slot) {
    struct {
        const setting_shape& of;
        std::string number(std::int64_t value) const {
            if (of.type == setting_type::size) return in_quotes(size_text(value));
            return std::to_string(value);
        }
        std::string operator()(const bool* v) const { return *v ? "true" : "false"; }
        std::string operator()(const std::uint16_t* v) const { return number(*v); }
        std::string operator()(const std::size_t* v) const { return number(static_cast<std::int64_t>(*v)); }
        std::string operator()(const milliseconds* v) const { return in_quotes(duration_text(*v)); }
        std::string operator()(const std::string* v) const { return in_quotes(*v); }
        std::string operator()(const secret*) const { return in_quotes(""); }
        std::string operator()(const std::vector<std::string>* v) const { return quoted_list(*v); }
        std::string operator()(const std::vector<secret>*) const { return "[]"; }
        std::string operator()(const std::vector<milliseconds>* v) const {
            std::vector<std::string> texts;
            for (const auto time : *v)
                texts.push_back(duration_text(time));
            return quoted_list(texts);
        }
        std::string operator()(const std::vector<std::int64_t>* v) const { return plain_list(*v); }
        std::string operator()(const log::level* v) const {
            return in_quotes(of.choices[static_cast<std::size_t>(*v)]);
        }
        std::string operator()(const log::format* v) const {
            return in_quotes(of.choices[static_cast<std::size_t>(*v)]);
        }
    } const writer{shape};
    return std::visit(writer, slot);
}

std::string allowed_text(const setting_shape& shape) {
    switch (shape.type) {
        case setting_type::integer:
            return std::to_string(shape.lowest) + " to " + std::to_string(shape.highest);
        case setting_type::duration:
            return duration_text(milliseconds{shape.lowest}) + " to " +
                   duration_text(milliseconds{shape.highest});
        case setting_type::size:
            return size_text(shape.lowest) + " to " + size_text(shape.highest);
        case setting_type::flag:
            return "true or false";
        case setting_type::list:
            return "strings in brackets, [\"a\", \"b\"]; in the environment separated by commas";
        case setting_type::durations:
            return "each " + duration_text(milliseconds{shape.lowest}) + " to " +
                   duration_text(milliseconds{shape.highest});
        case setting_type::integers:
            return "each " + std::to_string(shape.lowest) + " to " + std::to_string(shape.highest);
        case setting_type::text:
            return "any text in quotes";
        case setting_type::choice:
            break;
    }
    std::string words;
    for (const auto& word : shape.choices)
        words += (words.empty() ? "" : ", ") + word;
    return words;
}

std::string display_text(const given_value& given, bool sensitive) {
    if (sensitive) return "***";
    struct {
        std::string operator()(std::int64_t v) const { return std::to_string(v); }
        std::string operator()(bool v) const { return v ? "true" : "false"; }
        std::string operator()(const std::string& v) const { return display_text(v); }
        std::string operator()(const foreign_value& v) const { return "(" + v.what + ")"; }
        std::string operator()(const std::vector<std::string>& v) const {
            return display_text(quoted_list(v));
        }
        std::string operator()(const std::vector<std::int64_t>& v) const {
            return display_text(plain_list(v));
        }
    } const writer;
    return std::visit(writer, given);
}

std::string display_text(std::string_view text) {
    constexpr std::size_t longest = 100;
    std::string out{text.substr(0, longest)};
    for (char& c : out) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    }
    return text.size() > longest ? out + "..." : out;
}

}  // namespace callhook::app
