#include "api/openapi.hpp"

namespace callhook::api {

boost::asio::awaitable<http::response> openapi_endpoint::handle(http::request) {
    http::response answer;
    answer.content_type = "application/yaml";
    answer.body = openapi_text;
    co_return answer;
}

}  // namespace callhook::api
