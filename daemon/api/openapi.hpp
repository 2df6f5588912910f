#pragma once

#include "http/endpoint.hpp"

#include <string_view>

namespace callhook::api {

/// The API's description, from `daemon/api/openapi.yaml`.
extern const std::string_view openapi_text;

/// `GET /openapi.yaml`.
class openapi_endpoint final : public http::endpoint {
public:
    boost::asio::awaitable<http::response> handle(http::request whole) override;
};

}  // namespace callhook::api
