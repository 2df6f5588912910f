#pragma once

#include "feed/feed_request.hpp"
#include "feed/log_reader.hpp"

namespace callhook::feed {

/// Answers with the events after `from`, as a batch or as lines: at once where there are any, else as soon as
/// one comes or `timeout` has passed. `head` is one that `from` was resolved against. `log` must outlive the
/// answer.
boost::asio::awaitable<http::response> answer_batch(
    log_reader& log, feed_request what, cursor from, store::feed_head head
);

}  // namespace callhook::feed
