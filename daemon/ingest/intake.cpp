#include "ingest/intake.hpp"

#include <algorithm>

namespace callhook::ingest {

using place = intake_plan::place;
using steady = std::chrono::steady_clock;

intake_plan plan_intake(bool inbox_works, bool spool_works) noexcept {
    if (inbox_works) return {place::inbox, place::spool, spool_works};
    return {place::spool, place::inbox, false};
}

boost::asio::awaitable<result<void>> intake::keep(lifecycle::delivery d, steady::time_point deadline) {
    auto shared = std::make_shared<const lifecycle::delivery>(std::move(d));
    return spool_ ? keep_somewhere(std::move(shared), deadline) : inbox_.append(std::move(shared), deadline);
}

boost::asio::awaitable<result<void>> intake::keep_somewhere(
    store::shared_delivery d, steady::time_point deadline
) {
    const auto plan = plan_intake(inbox_.healthy(), spool_->usable());
    const auto patience = plan.hurry ? std::min(deadline, steady::now() + after_) : deadline;
    // Under the same id in both: what the first place stored after all, the second adds nothing to.
    const auto kept = co_await keep_in(plan.first, d, patience);
    if (kept || steady::now() >= deadline) co_return kept;
    co_return co_await keep_in(plan.second, d, deadline);
}

boost::asio::awaitable<result<void>> intake::keep_in(
    place where, const store::shared_delivery& d, steady::time_point deadline
) {
    return where == place::spool ? spool_->append(d, deadline) : inbox_.append(d, deadline);
}

std::string intake::trouble() const {
    if (inbox_.healthy()) return {};
    if (!spool_) return "the database does not take events";
    const auto why = spool_->trouble();
    return why.empty() ? why : "neither the database nor the spool takes events: " + why;
}

}  // namespace callhook::ingest
