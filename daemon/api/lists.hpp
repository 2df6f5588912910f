#pragma once

#include "base/json.hpp"
#include "http/endpoint.hpp"
#include "store/connection_pool.hpp"

namespace callhook::api {

/// A quarantined delivery without its body.
json::object quarantined_json(const store::quarantined_delivery& d);

/// `GET /v1/messages`: messages left by visitors, newest first.
class messages_endpoint final : public http::endpoint {
public:
    messages_endpoint(store::reader_pool& readers, std::size_t page_limit)
        : readers_{readers}, page_limit_{page_limit} {}
    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    store::reader_pool& readers_;
    std::size_t page_limit_;
};

/// `GET /v1/quarantine`: deliveries that could not be read, newest first.
class quarantine_endpoint final : public http::endpoint {
public:
    quarantine_endpoint(store::reader_pool& readers, std::size_t page_limit)
        : readers_{readers}, page_limit_{page_limit} {}
    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    store::reader_pool& readers_;
    std::size_t page_limit_;
};

}  // namespace callhook::api
