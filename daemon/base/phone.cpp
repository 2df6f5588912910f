#include "base/phone.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <phonenumbers/phonenumberutil.h>
#pragma GCC diagnostic pop

#include <set>

namespace callhook {

namespace {

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

const PhoneNumberUtil& library() {
    return *PhoneNumberUtil::GetInstance();
}

}  // namespace

std::optional<std::string> to_e164(std::string_view raw, const std::string& region) {
    if (raw.empty() || raw.size() > 64) return {};
    PhoneNumber number;
    if (library().Parse(std::string{raw}, region, &number) != PhoneNumberUtil::NO_PARSING_ERROR) return {};
    if (!library().IsPossibleNumber(number)) return {};
    std::string out;
    library().Format(number, PhoneNumberUtil::E164, &out);
    return out;
}

bool is_known_region(const std::string& region) {
    std::set<std::string> regions;
    library().GetSupportedRegions(&regions);
    return regions.contains(region);
}

}  // namespace callhook
