#pragma once

#include "app/vendor_account.hpp"

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>
#include <vector>

namespace callhook::app {

/// The daemon's backfill: an account for each source that has an API key, and the runner that works through
/// their jobs. Loop thread.
class vendor_accounts {
public:
    /// The references must outlive it.
    vendor_accounts(
        const boost::asio::any_io_executor& executor,
        const settings& values,
        const sources::decoder_table& decoders,
        const backfill::append_function& append,
        const clock_source& clock,
        metrics_registry& metrics
    );

    /// Whether there is anything to do: backfill is enabled and a source has a key.
    static bool wanted(const settings& values);

    void start() { runner_.start(); }
    boost::asio::awaitable<void> stop();

    /// What keeps it from working; empty where all is well.
    [[nodiscard]] std::string problems() const { return runner_.problems(); }

private:
    store::backfill_pool pool_;
    std::vector<std::unique_ptr<vendor_account>> accounts_;
    backfill::runner runner_;
};

}  // namespace callhook::app
