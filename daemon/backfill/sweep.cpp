#include "async/breaker.hpp"
#include "backfill/reconciler.hpp"
#include "backfill/zone_check.hpp"
#include "base/log.hpp"

#include <algorithm>
#include <utility>

/// The part of the reconciler that pages through a stretch of the vendor's history.
namespace callhook::backfill {

namespace asio = boost::asio;

namespace {

constexpr int page_attempts = 3;
/// How often a piece is paged through again when calls seem to have slipped between its pages.
constexpr int passes = 3;
/// Fewer calls do not tell whether the zone is right.
constexpr std::size_t fewest_for_zone = 3;
/// So many pages in a row without a new call end the paging of a vendor that does not count its calls.
constexpr std::size_t stale_pages = 3;

void count_news(const examined& found, sweep_report& report) {
    for (const auto& one : found.fresh) {
        if (one.found.what == difference::unknown_call) ++report.unknown_calls;
        if (one.found.what == difference::untold) ++report.untold;
        if (one.found.what == difference::changed) ++report.changed;
    }
    report.unchanged += found.unchanged;
    report.others += found.others.size();
}

}  // namespace

sources::call_filter calls_of(const stretch& over, std::size_t limit) {
    sources::call_filter filter;
    filter.from = std::chrono::floor<std::chrono::seconds>(over.from);
    filter.to = std::chrono::ceil<std::chrono::seconds>(over.to);
    filter.hidden_too = true;
    filter.limit = limit;
    return filter;
}

sweep_report& sweep_report::operator+=(const sweep_report& other) {
    calls += other.calls;
    unchanged += other.unchanged;
    unknown_calls += other.unknown_calls;
    untold += other.untold;
    changed += other.changed;
    unreadable += other.unreadable;
    others += other.others;
    appended += other.appended;
    gap_calls += other.gap_calls;
    unsettled += other.unsettled;
    return *this;
}

reconciler::task<sweep_report> reconciler::sweep(stretch over, sweep_options options) {
    const auto opened = co_await open(options.dry_run);
    if (!opened) co_return opened.error();
    sweeping s{std::move(options), rules()};
    s.report.over = over;
    for (const auto& piece : cut(over, longest_piece)) {
        const auto swept = co_await sweep_piece(piece, s);
        if (!swept) co_return swept.error();
    }
    const auto finished = co_await finish_sweep(s);
    if (!finished) co_return finished.error();
    co_return s.report;
}

/// Pages may shift while they are read: neighbours overlap, repeats are dropped, and where calls came or went
/// meanwhile it is all read again.
reconciler::task<void> reconciler::sweep_piece(stretch piece, sweeping& s) {
    piece_calls calls;
    for (int pass = 0; pass < passes; ++pass) {
        const auto whole = co_await sweep_pages(piece, s, calls);
        if (!whole) co_return whole.error();
        if (*whole) break;
        log::info("calls slipped between pages, reading them again", {{"source", source_}});
    }
    const auto off = zone_error_of_filter(piece.from, piece.to, calls.created_at);
    const bool tells = off && calls.created_at.size() >= fewest_for_zone;
    if (tells && (!s.zone_error || *off != std::chrono::seconds{0})) s.zone_error = off;
    co_return outcome<void>{};
}

/// One pass over a piece's pages; whether it is sure to have seen every call.
reconciler::task<bool> reconciler::sweep_pages(stretch piece, sweeping& s, piece_calls& calls) {
    std::optional<std::int64_t> count;
    bool shrank = false;
    for (std::size_t offset = 0, stale = 0; stale < stale_pages;) {
        const auto before = calls.size();
        const auto page = co_await sweep_page(piece, offset, s, calls);
        if (!page) co_return page.error();
        shrank = shrank || (count && page->count && *page->count < *count);
        if (page->count) count = page->count;
        const bool last = count && offset + page->records >= static_cast<std::size_t>(*count);
        if (page->records == 0 || last) break;
        // A vendor that does not count ends with an empty page; one that does not page either never would.
        stale = count || calls.size() > before ? 0 : stale + 1;
        offset += std::max<std::size_t>(1, page->records - page->records / 10);
    }
    co_return !shrank && (!count || calls.size() >= static_cast<std::size_t>(*count));
}

reconciler::task<reconciler::page_result> reconciler::sweep_page(
    stretch piece, std::size_t offset, sweeping& s, piece_calls& calls
) {
    s.fetched_at = clock_.now();
    auto page = co_await fetch_page(piece, offset);
    if (!page) co_return page.error();
    const page_result result{page->records.size(), page->count};
    const auto sequenced = co_await wait_until_sequenced(s.fetched_at);
    if (!sequenced) co_return sequenced.error();
    auto compare = [decoder = decoder_,
                    source = source_,
                    records = std::move(page->records),
                    at = s.fetched_at,
                    rules = s.rules,
                    seen = s.seen](store::backfill_store& db) {
        return examine(db, *decoder, source, records, at, rules, *seen);
    };
    auto found = co_await ask_store(std::move(compare));
    if (!found) co_return found.error();
    calls.ids.insert(found->ids.begin(), found->ids.end());
    calls.unreadable.insert(found->unreadable.begin(), found->unreadable.end());
    s.unreadable.insert(found->unreadable.begin(), found->unreadable.end());
    calls.created_at.insert(calls.created_at.end(), found->created_at.begin(), found->created_at.end());
    s.missing.insert(s.missing.end(), found->missing.begin(), found->missing.end());
    s.suspects.insert(s.suspects.end(), found->suspects.begin(), found->suspects.end());
    count_news(*found, s.report);
    s.report.calls = s.seen->size();
    if (s.unreadable.size() > s.report.unreadable) {
        s.report.unreadable = s.unreadable.size();
        log::warn(
            "records cannot be read",
            {{"source", source_}, {"records", s.report.unreadable}, {"reason", found->unreadable_reason}}
        );
    }
    if (s.options.on_news) {
        for (const auto& one : found->fresh)
            s.options.on_news(one);
    }
    if (!s.options.dry_run) {
        s.report.appended += found->fresh.size();
        const auto merged = co_await merge(std::move(*found), s.fetched_at);
        if (!merged) co_return merged.error();
    }
    if (s.options.go_on && !co_await s.options.go_on(s.report)) co_return trouble{"interrupted", true, false};
    co_return result;
}

reconciler::task<sources::call_page> reconciler::fetch_page(stretch piece, std::size_t offset) {
    auto filter = calls_of(piece, how_.page_size);
    filter.offset = offset;
    for (int attempt = 1;; ++attempt) {
        auto page = co_await api_.calls(filter);
        if (page) co_return std::move(*page);
        const bool soon = page.error().outage() && page.error().what != sources::api_failure::kind::throttled;
        if (attempt >= page_attempts || !soon) co_return of_api(page.error());
        if (!co_await pause(async::backoff(how_.retry_first, how_.retry_longest, attempt, 0.5)))
            co_return trouble{"stopping", true, false};
    }
}

/// A call that is too young to judge gets the time that its webhooks may take.
reconciler::task<void> reconciler::await_suspects(sweeping& s) {
    using std::chrono::milliseconds;
    constexpr milliseconds step{5'000};
    const auto settled = s.fetched_at + how_.settle;
    for (auto now = clock_.now(); now < settled; now = clock_.now()) {
        const auto left = std::chrono::ceil<milliseconds>(settled - now);
        if (!co_await pause(std::min(left, step))) co_return trouble{"stopping", true, false};
        if (s.options.go_on && !co_await s.options.go_on(s.report))
            co_return trouble{"interrupted", true, false};
    }
    const auto sequenced = co_await wait_until_sequenced(clock_.now());
    if (!sequenced) co_return sequenced.error();
    auto judge = [source = source_, suspects = s.suspects](store::backfill_store& db) {
        return still_missing(db, source, suspects);
    };
    const auto missing = co_await ask_store(std::move(judge));
    if (!missing) co_return missing.error();
    s.missing.insert(s.missing.end(), missing->begin(), missing->end());
    co_return outcome<void>{};
}

reconciler::task<void> reconciler::finish_sweep(sweeping& s) {
    if (s.options.dry_run) {
        s.report.gap_calls = count_calls(s.missing);
        s.report.unsettled = s.suspects.size();
        co_return outcome<void>{};
    }
    if (!s.suspects.empty()) {
        const auto judged = co_await await_suspects(s);
        if (!judged) co_return judged.error();
    }
    const auto reported = co_await report(std::move(s.missing), s.options.found_by, s.report.over);
    if (!reported) co_return reported.error();
    s.report.gap_calls = *reported;

    if (!s.zone_error) co_return outcome<void>{};
    auto remember = [source = source_, off = *s.zone_error, now = clock_.now()](store::backfill_store& db) {
        db.set_zone_error(source, off, now);
    };
    const auto remembered = co_await ask_store(std::move(remember));
    if (!remembered) co_return remembered.error();
    if (is_zone_error(s.zone_error)) {
        log::warn(
            "the configured time zone disagrees with the API's time filter",
            {{"source", source_}, {"off_by_seconds", s.zone_error->count()}}
        );
    }
    co_return outcome<void>{};
}

}  // namespace callhook::backfill
