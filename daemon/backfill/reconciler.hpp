#pragma once

#include "async/scope.hpp"
#include "async/wakeup.hpp"
#include "backfill/examination.hpp"
#include "backfill/settings.hpp"
#include "backfill/trouble.hpp"
#include "base/metrics.hpp"
#include "base/uuid.hpp"
#include "sources/api.hpp"
#include "store/connection_pool.hpp"
#include "store/inbox.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

namespace callhook::backfill {

/// Makes a delivery durable, as the inbox does for a webhook.
using append_function = std::function<boost::asio::awaitable<result<void>>(lifecycle::delivery)>;

/// What a sweep came to.
struct sweep_report {
    stretch over{};
    std::size_t calls = 0;
    std::size_t unchanged = 0;
    std::size_t unknown_calls = 0;
    std::size_t untold = 0;
    std::size_t changed = 0;
    std::size_t unreadable = 0;
    std::size_t others = 0;     ///< records about another visitor than the webhooks of the same id
    std::size_t appended = 0;   ///< records put into the inbox; 0 in a dry run
    std::size_t gap_calls = 0;  ///< calls with a webhook that never came, reported now for the first time
    std::size_t unsettled = 0;  ///< in a dry run: calls too young to say that a webhook will not come

    /// Adds up what several sweeps came to; `over` stays as it is.
    sweep_report& operator+=(const sweep_report& other);
};

/// All calls of the stretch, hidden ones too, in pages of `limit`.
sources::call_filter calls_of(const stretch& over, std::size_t limit);

/// How many calls these webhooks are missing of.
std::size_t count_calls(const std::vector<store::missing_webhook>& missing);

/// How a sweep is run.
struct sweep_options {
    std::string found_by = "sweep";
    bool dry_run = false;
    /// Called now and then; false stops the sweep, because its job was lost or somebody interrupts it.
    std::function<boost::asio::awaitable<bool>(const sweep_report&)> go_on{};
    /// Called for each record that tells something new.
    std::function<void(const news&)> on_news{};
};

/// Compares one source with its vendor's API and appends what the vendor knows and callhook does not. Loop
/// thread; what takes long runs on the store's thread.
class reconciler {
public:
    /// The references must outlive it.
    reconciler(
        const boost::asio::any_io_executor& executor,
        std::string source,
        sources::call_api& api,
        std::shared_ptr<const sources::decoder> decoder,
        store::backfill_pool& pool,
        append_function append,
        const settings& how,
        const clock_source& clock,
        metrics_registry& metrics
    );

    [[nodiscard]] const std::string& source() const noexcept { return source_; }

    /// Pages through the vendor's history over the stretch, appends what is new, and reports webhooks that
    /// never came. Changes nothing but that: how far the source has been swept is the caller's to remember.
    boost::asio::awaitable<outcome<sweep_report>> sweep(stretch over, sweep_options options);

    /// Asks for one call, and appends its record where that tells something new.
    struct look_result {
        /// When the call is worth another look; empty for never.
        std::optional<utc_time> again{};
        bool asked = false;
        bool news = false;
    };
    boost::asio::awaitable<outcome<look_result>> look(std::int64_t call_id, int looks);

    /// Lists the widgets and says in the log which of them have never sent a webhook.
    boost::asio::awaitable<outcome<std::size_t>> list_widgets();

    /// Ends every wait; what is under way returns soon, as a failure that does not count.
    void close();

    /// Whether ids in webhooks and API have been found to differ: then nothing is merged.
    [[nodiscard]] bool contradicted() const noexcept {
        return state_.identity == store::identity_check::mismatch;
    }

private:
    /// One sweep under way.
    struct sweeping {
        sweep_options options{};
        gap_rules rules{};
        sweep_report report{};
        std::shared_ptr<std::set<std::int64_t>> seen = std::make_shared<std::set<std::int64_t>>();
        std::vector<store::missing_webhook> missing{};
        std::vector<suspect> suspects{};
        std::set<std::size_t> unreadable{};  ///< hashes of records, to count each once
        utc_time fetched_at{};
        std::optional<std::chrono::seconds> zone_error{};
    };
    /// What one page told about where the paging stands.
    struct page_result {
        std::size_t records = 0;
        std::optional<std::int64_t> count{};
    };
    /// What one piece has in it, over all its pages.
    struct piece_calls {
        std::set<std::int64_t> ids{};
        std::set<std::size_t> unreadable{};
        std::vector<utc_time> created_at{};

        [[nodiscard]] std::size_t size() const noexcept { return ids.size() + unreadable.size(); }
    };

    template <class T>
    using task = boost::asio::awaitable<outcome<T>>;

    task<void> open(bool only_looking = false);
    task<void> sweep_piece(stretch piece, sweeping& s);
    task<bool> sweep_pages(stretch piece, sweeping& s, piece_calls& calls);
    task<page_result> sweep_page(stretch piece, std::size_t offset, sweeping& s, piece_calls& calls);
    task<sources::call_page> fetch_page(stretch piece, std::size_t offset);
    task<void> merge(examined found, utc_time fetched_at);
    task<void> settle_identity(std::optional<std::int64_t> confirmed, std::optional<std::int64_t> against);
    task<void> append_all(std::vector<news> fresh, utc_time fetched_at);
    task<void> finish_sweep(sweeping& s);
    task<void> await_suspects(sweeping& s);
    task<std::size_t> report(std::vector<store::missing_webhook> missing, std::string found_by, stretch over);
    task<void> wait_until_sequenced(utc_time moment);
    boost::asio::awaitable<bool> pause(std::chrono::milliseconds time);
    [[nodiscard]] gap_rules rules() const;

    template <class Query>
    auto ask_store(Query query) -> task<std::invoke_result_t<Query, store::backfill_store&>> {
        auto answer = co_await pool_.run(std::move(query));
        if (!answer) co_return of_store(answer.error());
        if constexpr (std::is_void_v<std::invoke_result_t<Query, store::backfill_store&>>)
            co_return outcome<void>{};
        else
            co_return std::move(*answer);
    }

    boost::asio::any_io_executor executor_;
    const std::string source_;
    sources::call_api& api_;
    const std::shared_ptr<const sources::decoder> decoder_;
    store::backfill_pool& pool_;
    const append_function append_;
    const settings how_;
    const clock_source& clock_;
    uuid_v7_generator next_id_;
    metric_counter gap_calls_;
    async::wakeup closing_;
    store::source_state state_;
};

}  // namespace callhook::backfill
