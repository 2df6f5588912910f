#include "feed/outbound/sender.hpp"

#include "base/version.hpp"
#include "feed/cursor.hpp"
#include "sources/retry_after.hpp"

#include <algorithm>
#include <utility>

namespace callhook::feed::outbound {

http_sender::http_sender(
    const boost::asio::any_io_executor& executor, http_sender_settings how, const clock_source& clock
)
    : how_{std::move(how)}, clock_{clock}, client_{executor, how_.client} {}

boost::asio::awaitable<receipt> http_sender::send(const std::string& epoch, shared_event event) {
    auto request = render_post(epoch, *event, how_.mode);
    const auto id = to_string(cursor{epoch, event->position});
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(clock_.now().time_since_epoch()).count();
    request.target = how_.target;
    request.repeatable = true;  // the id says so
    request.fields.push_back({"webhook-id", id});
    request.fields.push_back({"webhook-timestamp", std::to_string(seconds)});
    request.fields.push_back({"webhook-signature", signature_header(how_.secrets, id, seconds, request.body)}
    );
    request.fields.push_back({"User-Agent", "callhook/" + std::string{version}});
    const auto answer =
        co_await client_.send(std::move(request), std::chrono::steady_clock::now() + how_.timeout);
    receipt out;
    if (answer.has_error()) {
        // The client's message begins with the host and its port, and a host name is the operator's affair.
        out.error = answer.error().message;
        out.cancelled = answer.error().code == errc::cancelled;
        co_return out;
    }
    out.status = answer->status;
    out.body = answer->body;
    out.retry_after = sources::read_retry_after(answer->header("Retry-After"), clock_.now());
    co_return out;
}

}  // namespace callhook::feed::outbound
