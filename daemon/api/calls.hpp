#pragma once

#include "base/json.hpp"
#include "http/endpoint.hpp"
#include "store/connection_pool.hpp"

namespace callhook::api {

/// What tells of clocks and of other calls, and is therefore no part of the record: `{overdue_at,
/// never_called_back}`.
json::object follow_up_json(const store::listed_call& call);

/// `{call, follow_up, provenance, timeline, final_at, messages}`: `call` is the record, which depends on the
/// facts received alone.
json::object call_details_json(const store::call_details& details);

/// `GET /v1/calls`: call records, newest first.
class calls_endpoint final : public http::endpoint {
public:
    /// `default_region` reads phone numbers without an international prefix. `readers` must outlive it.
    calls_endpoint(store::reader_pool& readers, std::size_t page_limit, std::string default_region);
    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    [[nodiscard]] result<store::call_query> read(const http::request& whole) const;

    store::reader_pool& readers_;
    std::size_t page_limit_;
    std::string default_region_;
};

/// `GET /v1/calls/{source}/{id}`: one call with its whole timeline.
class call_endpoint final : public http::endpoint {
public:
    explicit call_endpoint(store::reader_pool& readers) : readers_{readers} {}
    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    store::reader_pool& readers_;
};

}  // namespace callhook::api
