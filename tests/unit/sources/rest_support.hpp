#pragma once

#include "callpage_support.hpp"
#include "sources/api.hpp"
#include "sources/callpage/rest_answers.hpp"

#include <string>

namespace callhook::sources::callpage {

/// A moment for answers that have a date: 21 November 2026, 12:00 UTC.
inline constexpr utc_time noon{
    std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} + std::chrono::hours{12}};

inline api_answer answered(std::string body, unsigned status = 200, std::string retry_after = "") {
    return {status, std::move(retry_after), std::move(body)};
}

/// A success with this JSON under `data` and, where given, under `meta`.
inline api_answer data_of(const std::string& data, const std::string& meta = "[]") {
    return answered(
        R"({"hasError":false,"errorCode":0,"message":"","data":)" + data + R"(,"meta":)" + meta + "}"
    );
}

/// The fact in a record that must be readable.
inline lifecycle::call_fact record_in(std::string_view body) {
    auto read = warsaw().decode_record("cp", body);
    if (const auto* why = std::get_if<lifecycle::unreadable>(&read)) ADD_FAILURE() << why->reason;
    auto* call = std::get_if<lifecycle::call_fact>(&read);
    return call != nullptr ? std::move(*call) : lifecycle::call_fact{};
}

/// Why a record is unreadable; empty where it is not.
inline std::string record_reason(std::string_view body) {
    const auto read = warsaw().decode_record("cp", body);
    const auto* why = std::get_if<lifecycle::unreadable>(&read);
    return why != nullptr ? why->reason : "";
}

/// A record of call 1 with `members` beside its id.
inline std::string record_with(const std::string& members) {
    return R"({"data":{"id":1,)" + members + R"(},"id":1})";
}

}  // namespace callhook::sources::callpage
