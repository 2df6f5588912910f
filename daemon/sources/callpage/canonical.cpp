#include "sources/callpage/canonical.hpp"

#include "sources/callpage/wrapper.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace callhook::sources::callpage {

namespace {

void write_text(std::string& out, std::string_view text) {
    constexpr std::string_view hex = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\b':
                out += "\\b";
                break;
            case '\f':
                out += "\\f";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                if (static_cast<unsigned char>(c) >= 0x20) {
                    out += c;
                } else {
                    out += "\\u00";
                    out += hex[static_cast<unsigned char>(c) >> 4];
                    out += hex[static_cast<unsigned char>(c) & 15];
                }
        }
    }
    out += '"';
}

template <class Integer>
void write_integer(std::string& out, Integer value) {
    char text[32];
    const auto [end, failure] = std::to_chars(text, text + sizeof text, value);
    out.append(text, end);
}

/// What is written reads back as the same number: no `-0`, which would be an integer, and no integer beyond
/// 64 bits, which would be refused.
void write_double(std::string& out, double value) {
    if (value == 0) {
        out += '0';
        return;
    }
    constexpr double beyond_integers = 9'223'372'036'854'775'808.0;
    char text[32];
    const auto [end, failure] =
        std::abs(value) < beyond_integers
            ? std::to_chars(text, text + sizeof text, value)
            : std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
    out.append(text, end);
}

void write(std::string& out, dom::element value, wrappers how);

void write_object(std::string& out, dom::object object, wrappers how) {
    std::vector<std::pair<std::string_view, dom::element>> members;
    for (const auto member : object)
        members.emplace_back(member.key, member.value);
    std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    char before = '{';
    for (const auto& [key, value] : members) {
        out += before;
        write_text(out, key);
        out += ':';
        write(out, value, how);
        before = ',';
    }
    if (members.empty()) out += '{';
    out += '}';
}

void write_array(std::string& out, dom::array array, wrappers how) {
    out += '[';
    bool first = true;
    for (const auto item : array) {
        if (!first) out += ',';
        first = false;
        write(out, item, how);
    }
    out += ']';
}

void write(std::string& out, dom::element value, wrappers how) {
    if (how == wrappers::dropped) value = without_wrapper(value);
    switch (value.type()) {
        case dom::element_type::OBJECT:
            write_object(out, as<dom::object>(value), how);
            break;
        case dom::element_type::ARRAY:
            write_array(out, as<dom::array>(value), how);
            break;
        case dom::element_type::STRING:
            write_text(out, as<std::string_view>(value));
            break;
        case dom::element_type::INT64:
            write_integer(out, as<std::int64_t>(value));
            break;
        case dom::element_type::UINT64:
            write_integer(out, as<std::uint64_t>(value));
            break;
        case dom::element_type::DOUBLE:
            write_double(out, as<double>(value));
            break;
        case dom::element_type::BOOL:
            out += as<bool>(value) ? "true" : "false";
            break;
        default:
            out += "null";
    }
}

}  // namespace

std::string canonical_json(dom::element value, wrappers how) {
    std::string out;
    write(out, value, how);
    return out;
}

}  // namespace callhook::sources::callpage
