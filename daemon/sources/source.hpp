#pragma once

#include "lifecycle/facts.hpp"
#include "lifecycle/identifier.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace callhook::sources {

/// What a quick look at a delivery tells, before it is stored: whether it will be readable, and which event
/// it says it is.
struct glimpse {
    /// The event's documented name, or empty for one that is unreadable or unknown: safe as a metric label.
    std::string_view event{};
    /// The call that it is about; empty for a message, and where that cannot be told.
    std::optional<std::int64_t> call_id{};
    /// Why it will be quarantined; empty where it will not. Holds no value from the payload.
    std::string quarantine_reason{};

    [[nodiscard]] bool readable() const noexcept { return quarantine_reason.empty(); }
};

/// All that callhook must know of one vendor to read what it sends. Stateless and safe from any thread.
class decoder {
public:
    virtual ~decoder() = default;

    /// Says whether `decode` will read the body, without interpreting its times and numbers. Agrees with
    /// `decode` on that always.
    [[nodiscard]] virtual glimpse look(std::string_view body) const = 0;

    /// Reads the whole body. Never throws on bad input: what cannot be read comes back as `unreadable` with
    /// the place and the reason. `source` is the configured name that the fact is filed under.
    [[nodiscard]] virtual lifecycle::decoded decode(std::string_view source, std::string_view body) const = 0;

    /// Reads one call's record as the vendor's API gives it (`call_page::records`): a fact of kind
    /// `observed`, or `unreadable` likewise. Unknown keys are not kept: a value that changes at every look
    /// would make every look news, and the stored delivery has them all.
    [[nodiscard]] virtual lifecycle::decoded decode_record(std::string_view source, std::string_view body)
        const = 0;

    /// The country that telephone numbers without an international prefix are read in.
    [[nodiscard]] virtual const std::string& region() const = 0;

    /// Shows the finder all of a webhook's or a record's body that may tell who the visitor is, readable or
    /// not: whoever took the call is not meant.
    virtual void find_identifiers(std::string_view body, lifecycle::identifier_finder& finder) const = 0;
};

/// The decoder of each configured source, by name.
using decoder_table = std::map<std::string, std::shared_ptr<const decoder>, std::less<>>;

}  // namespace callhook::sources
