#pragma once

#include "base/json.hpp"
#include "http/endpoint.hpp"
#include "store/connection_pool.hpp"

#include <vector>

namespace callhook::api {

/// A report of webhooks that never came, in numbers: `{id, source, found_at, found_by, from, to, calls,
/// events, came_late}`.
json::object gap_json(const store::listed_gap& gap);

/// The same with `missing`, a list of `{call_id, event, phase, came_at}`; the last two only where known.
json::object gap_details_json(const store::listed_gap& gap, const std::vector<store::gap_call>& missing);

/// `{source, id, name, url, calls}`.
json::object silent_widget_json(const store::silent_widget& silent);

/// `{id, source, kind, call_id, reason, due_at, looks, attempts, dead_at, last_error}`, without what it does
/// not have.
json::object job_json(const store::job& job);

/// `GET /v1/gaps`: reports, newest first, and on the first page the widgets that never sent a webhook.
class gaps_endpoint final : public http::endpoint {
public:
    /// `readers` must outlive it.
    gaps_endpoint(store::reader_pool& readers, std::size_t page_limit)
        : readers_{readers}, page_limit_{page_limit} {}
    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    store::reader_pool& readers_;
    std::size_t page_limit_;
};

/// `GET /v1/gaps/{id}`: one report with every missing webhook.
class gap_endpoint final : public http::endpoint {
public:
    explicit gap_endpoint(store::reader_pool& readers) : readers_{readers} {}
    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    store::reader_pool& readers_;
};

/// `GET /v1/jobs`: what is to be asked of the vendors' APIs, the dead jobs first, then the longest due.
class jobs_endpoint final : public http::endpoint {
public:
    jobs_endpoint(store::reader_pool& readers, std::size_t page_limit)
        : readers_{readers}, page_limit_{page_limit} {}
    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    store::reader_pool& readers_;
    std::size_t page_limit_;
};

}  // namespace callhook::api
