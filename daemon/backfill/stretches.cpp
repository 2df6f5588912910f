#include "backfill/stretches.hpp"

#include <algorithm>

namespace callhook::backfill {

std::vector<stretch> cut(const stretch& whole, std::chrono::seconds longest) {
    std::vector<stretch> out;
    for (auto from = whole.from; from < whole.to || (out.empty() && from == whole.to);) {
        const auto to = std::min(whole.to, from + longest);
        out.push_back({from, to});
        if (to == whole.to) break;
        from = to;
    }
    return out;
}

stretch due_stretch(
    std::optional<utc_time> swept_until,
    std::chrono::milliseconds overlap,
    std::chrono::milliseconds first,
    utc_time now
) {
    // A clock that was ahead once must not leave a hole.
    return {swept_until ? std::min(*swept_until, now) - overlap : now - first, now};
}

}  // namespace callhook::backfill
