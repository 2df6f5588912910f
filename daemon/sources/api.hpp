#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Asking a vendor: what callhook wants to know of calls, in words that no vendor owns. `sources/NAME` knows
/// how one vendor says it; how bytes travel, and how fast one may ask, is the business of whoever gives the
/// `transport`.
namespace callhook::sources {

/// Why the vendor's API did not give what was asked for. `message` may be shown to anyone: it holds no key,
/// no value from an answer and no personal data.
struct api_failure {
    enum class kind {
        unreachable,   ///< no whole answer: name, connection, TLS, a cut, a deadline
        throttled,     ///< asked too often (429), or asked to come back later (503 with Retry-After)
        broken,        ///< the vendor's own trouble (5xx)
        unauthorized,  ///< the key is not known (401)
        forbidden,     ///< the key lacks a scope (403)
        not_found,     ///< no such thing (404)
        rejected,      ///< another refusal: 4xx, or `hasError` whatever the status
        unreadable,    ///< an answer that is not what is documented, or larger than is taken
        paused,        ///< not asked: the circuit breaker is open, or this side is stopping
    };

    kind what = kind::unreachable;
    std::string message{};
    /// The HTTP status, 0 where there was none.
    unsigned status = 0;
    /// How long the vendor asked to be left alone.
    std::optional<std::chrono::seconds> retry_after{};

    /// Whether the same request may succeed later without anyone changing anything.
    [[nodiscard]] bool retryable() const noexcept;
    /// Whether it tells of an API in trouble, for all requests alike.
    [[nodiscard]] bool outage() const noexcept;

    bool operator==(const api_failure&) const = default;
};

/// The kind's name, as metrics and logs write it.
std::string_view to_string(api_failure::kind what) noexcept;

template <class T>
using api_result = boost::system::result<T, api_failure>;

/// Found by argument-dependent lookup from boost::system::result; throws `bad_result`.
[[noreturn]] void throw_exception_from_error(const api_failure& cause, const boost::source_location& where);

/// One GET. `operation` is a short fixed name for metrics; `target` is path and query, with a leading slash.
struct api_request {
    std::string_view operation{};
    std::string target{};
};

struct api_answer {
    unsigned status = 0;
    /// The field Retry-After as it came; empty where there was none.
    std::string retry_after{};
    std::string body{};
    /// The transport's own mark, to be given back with the verdict.
    std::uint64_t mark = 0;
};

/// Carries requests to one vendor's API with the credentials of one source. Loop thread. Every request has a
/// deadline of its own, and every body a bound.
class transport {
public:
    virtual ~transport() = default;

    /// Fails as `unreachable`, `unreadable` (larger than is taken) or `paused` only; whatever came whole is
    /// an answer, whatever its status.
    virtual boost::asio::awaitable<api_result<api_answer>> get(api_request what) = 0;

    /// Hears what an answer turned out to say, once for each that `get` gave; `failure` is null where all was
    /// well. Only who reads an answer knows: a refusal may come with status 200.
    virtual boost::asio::awaitable<void> judge(
        std::string_view operation, std::uint64_t mark, const api_failure* failure
    );
};

/// Which calls to list. Empty members do not restrict.
struct call_filter {
    /// Bounds of the call's time, both included. Which of its times the vendor means is the vendor's secret.
    std::optional<std::chrono::sys_seconds> from{};
    std::optional<std::chrono::sys_seconds> to{};
    std::vector<std::int64_t> call_ids{};
    std::vector<std::int64_t> widget_ids{};
    std::vector<std::int64_t> user_ids{};
    std::vector<std::int64_t> tag_ids{};
    std::vector<std::int64_t> incoming_number_ids{};
    std::vector<std::string> statuses{};
    std::string phone_number{};  ///< E.164
    std::string url{};
    std::optional<bool> hidden_too{};  ///< the vendor's own default is yes
    std::size_t limit = 100;
    std::size_t offset = 0;
};

/// A page of call records, each as the exact JSON text that the vendor gave: what `decoder::decode_record`
/// reads.
struct call_page {
    std::vector<std::string> records{};
    /// How many calls match in all, where the vendor says so.
    std::optional<std::int64_t> count{};
};

struct widget {
    std::int64_t id = 0;
    std::string name{};
    std::string url{};
    bool enabled = true;

    bool operator==(const widget&) const = default;
};

/// Somebody who answers calls. Personal data: for comparing, never for a log.
struct person {
    /// The manager's where managers were asked for, else the user's.
    std::int64_t id = 0;
    /// The user's; 0 where the vendor does not say who a manager is.
    std::int64_t user_id = 0;
    std::string name{};
    std::string phone{};
    std::string email{};

    bool operator==(const person&) const = default;
};

/// One source's account at its vendor. Loop thread; several requests may be under way at once. Nothing is
/// tried twice here: who asks decides that.
class call_api {
public:
    virtual ~call_api() = default;

    /// Whether the API is there and takes the key.
    virtual boost::asio::awaitable<api_result<void>> greet() = 0;

    /// One call's record, as `call_page` has them. `not_found` where there is none.
    virtual boost::asio::awaitable<api_result<std::string>> call(std::int64_t id) = 0;

    virtual boost::asio::awaitable<api_result<call_page>> calls(call_filter filter) = 0;

    /// All of them, over as many pages as it takes.
    virtual boost::asio::awaitable<api_result<std::vector<widget>>> widgets() = 0;
    virtual boost::asio::awaitable<api_result<std::vector<person>>> users() = 0;
    /// Those of one widget.
    virtual boost::asio::awaitable<api_result<std::vector<person>>> managers(std::int64_t widget_id) = 0;
};

}  // namespace callhook::sources
