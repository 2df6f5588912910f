#pragma once

#include "sources/callpage/callpage.hpp"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <iterator>
#include <string>

namespace callhook::sources::callpage {

inline constexpr std::array documented{
    "call_scheduled", "call_new", "call_missed", "call_completed", "data_added", "new_message"};

/// A payload exactly as the vendor documents it.
inline std::string payload(const std::string& name) {
    std::ifstream in{std::string{CALLHOOK_PAYLOADS} + "/callpage/" + name + ".json", std::ios::binary};
    EXPECT_TRUE(in) << name;
    return {std::istreambuf_iterator<char>{in}, {}};
}

inline const decoder& warsaw() {
    static const auto made = make_decoder({}).value();
    return *made;
}

inline lifecycle::decoded decode(std::string_view body) {
    return warsaw().decode("cp", body);
}

/// What both sides of the decoder say of a body; checks that they agree.
inline std::string reason_of(std::string_view body) {
    const auto seen = warsaw().look(body);
    const auto read = decode(body);
    const auto* why = std::get_if<lifecycle::unreadable>(&read);
    EXPECT_EQ(seen.quarantine_reason, why != nullptr ? why->reason : "") << body.substr(0, 200);
    EXPECT_EQ(seen.event.empty(), why != nullptr);
    EXPECT_TRUE(why == nullptr || !why->reason.empty());
    return why != nullptr ? why->reason : "";
}

/// The call in a body that must hold one.
inline lifecycle::call_fact call_in(std::string_view body) {
    EXPECT_EQ(reason_of(body), "") << body.substr(0, 200);
    auto read = decode(body);
    auto* call = std::get_if<lifecycle::call_fact>(&read);
    EXPECT_NE(call, nullptr) << body.substr(0, 200);
    return call != nullptr ? std::move(*call) : lifecycle::call_fact{};
}

inline lifecycle::message_fact message_in(std::string_view body) {
    EXPECT_EQ(reason_of(body), "") << body.substr(0, 200);
    auto read = decode(body);
    auto* message = std::get_if<lifecycle::message_fact>(&read);
    EXPECT_NE(message, nullptr) << body.substr(0, 200);
    return message != nullptr ? std::move(*message) : lifecycle::message_fact{};
}

/// A call.completed with `members` beside its event and id.
inline std::string completed_with(const std::string& members) {
    return R"({"data":{"event":"call.completed","id":1,)" + members + "}}";
}

inline lifecycle::extras extra_of(std::string_view body) {
    return call_in(body).extra;
}

}  // namespace callhook::sources::callpage
