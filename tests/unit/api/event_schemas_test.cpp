#include "api/openapi.hpp"
#include "base/json.hpp"
#include "lifecycle/facts.hpp"

#include <gtest/gtest.h>

namespace callhook::api {
namespace {

using namespace lifecycle;

std::string kind_of(const json::object& schema) {
    if (const auto* name = schema.if_contains("$ref")) return std::string{name->as_string()};
    if (const auto* type = schema.if_contains("type")) return std::string{type->as_string()};
    return "anything";
}

std::string kind_of(const std::optional<std::string>&) {
    return "string";
}
std::string kind_of(const std::optional<std::int64_t>&) {
    return "integer";
}
std::string kind_of(const std::optional<local_time>&) {
    return "#/$defs/time";
}
std::string kind_of(const std::optional<phone_number>&) {
    return "#/$defs/phone";
}
std::string kind_of(const std::optional<raw_json>&) {
    return "anything";
}
std::string kind_of(const std::optional<std::vector<form_field>>&) {
    return "array";
}

TEST(event_schemas, every_field_of_a_call_is_there_with_its_type) {
    const auto document = parse_json(event_schemas_text);
    const auto& call = document.at("$defs").at("call_fields").as_object();
    const auto& properties = call.at("properties").as_object();
    std::size_t described = 0;
    for_each_call_field([&](const std::string& name, auto member, field_rule) {
        const auto* schema = properties.if_contains(name);
        ASSERT_NE(schema, nullptr) << name;
        ++described;
        const auto kind = kind_of(call_fields{}.*member);
        EXPECT_EQ(kind_of(schema->as_object()), kind) << name;
        if (!kind.starts_with('#')) return;
        const json::array raw{name + "_raw"};
        EXPECT_EQ(call.at("dependentRequired").as_object().at(name), raw) << name;
        EXPECT_TRUE(properties.contains(name + "_raw")) << name;
        ++described;
    });
    // Beside the vendor's fields: source, id, phase, has_feedback, events, extra, clocks, anomalies.
    EXPECT_EQ(properties.size(), described + 8);
}

}  // namespace
}  // namespace callhook::api
