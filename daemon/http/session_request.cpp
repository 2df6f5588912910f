// The way of one request: guard, route, admit, body, endpoint, answer.
#include "base/log.hpp"
#include "base/text.hpp"
#include "http/serialize.hpp"
#include "http/session.hpp"

#include <boost/asio/this_coro.hpp>
#include <boost/core/demangle.hpp>

#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <typeinfo>
#include <utility>

namespace callhook::http {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

response busy(std::string_view detail) {
    response answer = problem(503, detail);
    answer.fields.push_back({"Retry-After", "1"});
    return answer;
}

bool known_expectation(const request_head& head) {
    const auto values = head.header_values("expect");
    return std::ranges::all_of(values, [](auto value) {
        return equals_ignoring_case(value, "100-continue");
    });
}

}  // namespace

awaitable<bool> session::refuse_head(head_outcome why) {
    head_request_ = false;
    version_ = 11;
    switch (why) {
        case head_outcome::late:
            return refuse(rejection::header_timeout, problem(408, "the header did not arrive in time"), true);
        case head_outcome::too_large:
            return refuse(rejection::header_too_large, problem(431, "the header section is too large"), true);
        default:
            return refuse(rejection::framing, problem(400, "this is not an HTTP/1 request"), true);
    }
}

awaitable<bool> session::serve() {
    incoming in{core_->budget()};
    head_request_ = false;
    version_ = 11;
    const auto raw = buffered().substr(0, head_size_);
    if (const auto guarded = check_framing(raw); guarded.has_error()) {
        co_return co_await refuse(rejection::framing, problem(400, guarded.error().message), true);
    }
    if (!in.parser.parse_head(raw)) {
        co_return co_await refuse(rejection::framing, problem(400, "the header section is malformed"), true);
    }
    buffer_.consume(head_size_);
    in.head.peer = peer_;
    version_ = in.head.version;
    head_request_ = in.head.method == "HEAD";
    const bool keep = in.parser.keep_alive();
    const bool has_body = in.has_body();

    auto match = core_->routes().match(in.head.method, in.head.path);
    if (match.status == 404)
        co_return co_await refuse(rejection::not_found, problem(404, ""), has_body || !keep);
    if (match.status == 405) {
        response refused = problem(405, "this resource does not know the method");
        refused.fields.push_back({"Allow", std::move(match.allow)});
        co_return co_await refuse(rejection::method, std::move(refused), has_body || !keep);
    }
    in.head.route = match.pattern;
    in.head.path_parameters = std::move(match.parameters);
    if (in.head.content_length.value_or(0) > core_->limits().max_body) {
        co_return co_await refuse_body(body_outcome::too_large);
    }
    if (auto no = ask(*match.target, in.head)) {
        const bool close = no->close || has_body || !keep;
        const auto why = no->status == 500   ? rejection::handler_error
                         : no->status == 429 ? rejection::too_many_requests
                                             : rejection::refused;
        co_return co_await refuse(why, std::move(*no), close);
    }
    if (in.head.version == 11 && !known_expectation(in.head)) {
        co_return co_await refuse(
            rejection::expectation,
            problem(417, "the only expectation known is 100-continue"),
            has_body || !keep
        );
    }
    if (has_body && !take_body_at_hand(in) && !co_await receive(in)) co_return false;
    if (!has_body && !in.body.reserve(0)) co_return co_await refuse_body(body_outcome::no_memory);

    in.head.body = std::move(in.body.body());
    response given;
    std::exception_ptr broke;
    expect_by(core_->limits().handler_timeout, activity::handler);
    try {
        given = co_await match.target->handle(std::move(in.head));
    } catch (const std::exception&) {
        broke = std::current_exception();
    }
    deadline_ = time_point::max();
    if (aborted_) co_return false;
    // It may have answered in spite of being cancelled; the waits after this one must not inherit that.
    if (late_) co_await asio::this_coro::reset_cancellation_state();
    if (broke || !is_sendable(given)) given = excuse(match.pattern, broke);
    auto way = begin_answer(given, keep && !given.close && !stopping());
    if (!way.whole()) co_return co_await finish_answer(given, way);
    co_return way.keep;
}

std::optional<response> session::ask(endpoint& target, const request_head& head) const {
    std::string kind = "an answer that cannot be sent";
    try {
        auto no = target.admit(head);
        if (!no || is_sendable(*no)) return no;
    } catch (const std::exception& e) {
        kind = boost::core::demangle(typeid(e).name());
    }
    log::error("endpoint failed", {{"listener", core_->name()}, {"route", head.route}, {"exception", kind}});
    return problem(500, "");
}

/// The answer in place of one that an endpoint did not give, or that cannot be sent.
response session::excuse(std::string_view route, const std::exception_ptr& broke) const {
    if (late_) {
        core_->count(rejection::handler_timeout);
        log::warn("endpoint took too long", {{"listener", core_->name()}, {"route", route}});
        return busy("the request took too long");
    }
    // The kind and no more: what() can quote what was being handled.
    std::string kind = "an answer that cannot be sent";
    try {
        if (broke) std::rethrow_exception(broke);
    } catch (const std::exception& e) {
        kind = boost::core::demangle(typeid(e).name());
    }
    core_->count(rejection::handler_error);
    log::error("endpoint failed", {{"listener", core_->name()}, {"route", route}, {"exception", kind}});
    return problem(500, "");
}

awaitable<bool> session::refuse(rejection why, response given, bool close) {
    core_->count(why);
    linger_ = linger_ || close;
    return answer(std::move(given), !close && !stopping());
}

awaitable<bool> session::refuse_body(body_outcome why) {
    switch (why) {
        case body_outcome::late:
            return refuse(rejection::body_timeout, problem(408, "the body did not arrive in time"), true);
        case body_outcome::too_large:
            return refuse(rejection::body_too_large, problem(413, "the body is too large"), true);
        case body_outcome::no_memory:
            return refuse(rejection::body_budget, busy("too many bodies at once"), true);
        default:
            return refuse(rejection::body_framing, problem(400, "the body is malformed"), true);
    }
}

}  // namespace callhook::http
