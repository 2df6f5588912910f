#pragma once

#include "sources/callpage/local_time.hpp"
#include "sources/callpage/payload.hpp"

#include <string>
#include <string_view>

namespace callhook::sources::callpage {

/// The second stage: gives the values of a read payload their meaning. It cannot fail; a time or a phone
/// number that makes no sense stays as its raw text. Holds references: for the length of one call.
class interpreter {
public:
    interpreter(const local_zone& zone, const std::string& region, std::string_view source)
        : zone_{zone}, region_{region}, source_{source} {}

    [[nodiscard]] lifecycle::call_fact fact(const raw_call& call, lifecycle::extras extra) const;
    [[nodiscard]] lifecycle::message_fact fact(const raw_message& message, lifecycle::extras extra) const;

private:
    [[nodiscard]] std::optional<lifecycle::local_time> time(const raw_text& text) const;
    [[nodiscard]] std::optional<lifecycle::phone_number> phone(const raw_text& text) const;

    const local_zone& zone_;
    const std::string& region_;
    std::string_view source_;
};

/// The call that a link to `/calls/{id}` names, the only form that "Webhooks, new.message" shows; query and
/// fragment are not looked at.
std::optional<std::int64_t> call_of_link(std::string_view link);

}  // namespace callhook::sources::callpage
