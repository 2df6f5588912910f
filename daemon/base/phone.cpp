#include "base/phone.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <phonenumbers/phonenumberutil.h>
#pragma GCC diagnostic pop

#include <array>
#include <functional>
#include <set>

namespace callhook {

namespace {

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

/// Nothing longer is a phone number, whatever stands between its digits.
constexpr std::size_t longest = 64;

const PhoneNumberUtil& library() {
    return *PhoneNumberUtil::GetInstance();
}

}  // namespace

std::optional<std::string> to_e164(std::string_view raw, const std::string& region) {
    if (raw.empty() || raw.size() > longest) return {};
    PhoneNumber number;
    if (library().Parse(std::string{raw}, region, &number) != PhoneNumberUtil::NO_PARSING_ERROR) return {};
    if (!library().IsPossibleNumber(number)) return {};
    std::string out;
    library().Format(number, PhoneNumberUtil::E164, &out);
    return out;
}

std::optional<std::string> to_e164_again(std::string_view raw, const std::string& region) {
    if (raw.empty() || raw.size() > longest) return {};
    struct answer {
        std::string raw{};  // empty: nothing is remembered here
        std::string region{};
        std::optional<std::string> e164{};
    };
    // Each number has one place, where a later one replaces it: bounded, and nothing to keep in order.
    thread_local std::array<answer, 256> remembered;
    auto& place = remembered[std::hash<std::string_view>{}(raw) % remembered.size()];
    if (place.raw != raw || place.region != region) place = {std::string{raw}, region, to_e164(raw, region)};
    return place.e164;
}

bool is_known_region(const std::string& region) {
    std::set<std::string> regions;
    library().GetSupportedRegions(&regions);
    return regions.contains(region);
}

}  // namespace callhook
