#pragma once

#include "sources/source.hpp"
#include "store/erasures.hpp"
#include "store/rows.hpp"

#include <map>
#include <vector>

namespace callhook::pipeline {

/// What of a batch is about people who were erased.
struct erased_deliveries {
    /// By the delivery's place in the batch.
    std::vector<bool> which{};
    /// Calls that turn out to be such a person's, and by which erasure they go.
    std::map<lifecycle::call_key, uuid> calls{};

    [[nodiscard]] bool has(std::size_t at) const { return at < which.size() && which[at]; }
};

/// A delivery is about somebody who was erased where its call was erased; or where it names the person and
/// was received, or its call ordered, no later than the erasure. What a person does after it is another
/// matter: `later` says whether that goes too. Everything about a call goes where one delivery makes it go.
/// `read` is what the deliveries were decoded to. Throws `store::failure`.
erased_deliveries find_erased(
    store::erasure_access& erasures,
    const sources::decoder_table& decoders,
    const std::vector<store::pending_delivery>& deliveries,
    const std::vector<lifecycle::decoded>& read,
    bool later
);

}  // namespace callhook::pipeline
