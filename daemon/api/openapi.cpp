#include "api/openapi.hpp"

namespace callhook::api {

boost::asio::awaitable<http::response> document_endpoint::handle(http::request) {
    http::response answer;
    answer.content_type = media_type_;
    answer.body = text_;
    co_return answer;
}

}  // namespace callhook::api
