#pragma once

#include "http/endpoint.hpp"

#include <string_view>

namespace callhook::api {

/// The API's description, from `daemon/api/openapi.yaml`.
extern const std::string_view openapi_text;

/// The JSON Schema of the feed's events, from `daemon/api/schemas/events.json`.
extern const std::string_view event_schemas_text;

/// Answers with a text that is part of the program.
class document_endpoint final : public http::endpoint {
public:
    /// Both must outlive the endpoint.
    document_endpoint(std::string_view media_type, std::string_view text)
        : media_type_{media_type}, text_{text} {}

    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    std::string_view media_type_;
    std::string_view text_;
};

}  // namespace callhook::api
