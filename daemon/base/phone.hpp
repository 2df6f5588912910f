#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace callhook {

/// A phone number in E.164 (`+48123123123`), or nothing where it cannot be one. `region` is the ISO 3166
/// country that a number without an international prefix is read in. Possible numbers are taken, not only
/// assigned ones: a lead is not refused because a numbering plan changed. libphonenumber does the work. Any
/// thread.
std::optional<std::string> to_e164(std::string_view raw, const std::string& region);

/// The same, quick for numbers that come again and again, such as those of a company's own people: each
/// thread remembers some of the last ones.
std::optional<std::string> to_e164_again(std::string_view raw, const std::string& region);

/// Whether libphonenumber knows this ISO 3166 country code.
bool is_known_region(const std::string& region);

}  // namespace callhook
