#pragma once

#include "app/settings.hpp"
#include "backfill/paced_transport.hpp"
#include "backfill/reconciler.hpp"
#include "backfill/runner.hpp"
#include "backfill/settings.hpp"
#include "http/client.hpp"
#include "sources/api.hpp"
#include "sources/source.hpp"
#include "store/connection_pool.hpp"

#include <memory>

namespace callhook::app {

backfill::settings backfill_rules(const settings& values);

/// A source's account at its vendor, whole: from the TLS connection up to what compares calls. Loop thread.
class vendor_account {
public:
    /// Requires that the source has an API key. `values` is used during the call only; the other references
    /// must outlive it. Throws `bad_result` where the file of authorities cannot be read.
    vendor_account(
        const boost::asio::any_io_executor& executor,
        const source_settings& source,
        const settings& values,
        std::shared_ptr<const sources::decoder> decoder,
        store::backfill_pool& pool,
        backfill::append_function append,
        const clock_source& clock,
        metrics_registry& metrics
    );
    vendor_account(const vendor_account&) = delete;
    vendor_account& operator=(const vendor_account&) = delete;

    [[nodiscard]] sources::call_api& api() noexcept { return *api_; }
    [[nodiscard]] backfill::reconciler& calls() noexcept { return calls_; }
    [[nodiscard]] backfill::account account() noexcept { return {&calls_, &paced_}; }

    /// Ends what is under way at once; nothing can be asked afterwards.
    void close();

private:
    http::client client_;
    /// Sends with the source's key, which goes no further than this.
    std::unique_ptr<sources::transport> keyed_;
    backfill::paced_transport paced_;
    std::unique_ptr<sources::call_api> api_;
    backfill::reconciler calls_;
};

}  // namespace callhook::app
