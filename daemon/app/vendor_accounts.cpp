#include "app/vendor_accounts.hpp"

#include "app/rooms.hpp"

#include <algorithm>

namespace callhook::app {

namespace {

/// One compares while the other takes places under the rate limit.
constexpr std::size_t connections = 2;

std::vector<std::unique_ptr<vendor_account>> open_accounts(
    const boost::asio::any_io_executor& executor,
    const settings& values,
    const sources::decoder_table& decoders,
    store::backfill_pool& pool,
    const backfill::append_function& append,
    const clock_source& clock,
    metrics_registry& metrics
) {
    std::vector<std::unique_ptr<vendor_account>> out;
    for (const auto& source : values.sources) {
        if (source.api_key.empty()) continue;
        out.push_back(std::make_unique<vendor_account>(
            executor, source, values, decoders.at(source.name), pool, append, clock, metrics
        ));
    }
    return out;
}

std::vector<backfill::account> accounts_for_runner(
    const std::vector<std::unique_ptr<vendor_account>>& accounts
) {
    std::vector<backfill::account> out;
    for (const auto& a : accounts)
        out.push_back(a->account());
    return out;
}

}  // namespace

bool vendor_accounts::wanted(const settings& values) {
    return values.backfill.enabled && std::any_of(values.sources.begin(), values.sources.end(), [](auto& s) {
               return !s.api_key.empty();
           });
}

vendor_accounts::vendor_accounts(
    const boost::asio::any_io_executor& executor,
    const settings& values,
    const sources::decoder_table& decoders,
    const backfill::append_function& append,
    const clock_source& clock,
    metrics_registry& metrics
)
    : pool_{store_settings(values), connections, metrics},
      accounts_{open_accounts(executor, values, decoders, pool_, append, clock, metrics)},
      runner_{executor, accounts_for_runner(accounts_), pool_, backfill_rules(values), clock, metrics} {}

boost::asio::awaitable<void> vendor_accounts::stop() {
    for (const auto& account : accounts_)
        account->close();
    co_await runner_.stop();
    pool_.stop();
}

}  // namespace callhook::app
