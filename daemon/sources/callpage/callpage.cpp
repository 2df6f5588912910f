#include "sources/callpage/callpage.hpp"

#include "base/phone.hpp"
#include "sources/callpage/find_identifiers.hpp"
#include "sources/callpage/interpret.hpp"
#include "sources/callpage/read.hpp"
#include "sources/callpage/read_record.hpp"

namespace callhook::sources::callpage {

namespace {

class callpage_decoder final : public decoder {
public:
    callpage_decoder(local_zone zone, std::string region) : zone_{zone}, region_{std::move(region)} {}

    [[nodiscard]] glimpse look(std::string_view body) const override {
        const auto payload = read(body, nullptr);
        if (const auto* why = std::get_if<lifecycle::unreadable>(&payload)) return {{}, {}, why->reason};
        if (const auto* call = std::get_if<raw_call>(&payload)) {
            const auto id = call->id ? std::optional{call->id->value} : std::nullopt;
            return {lifecycle::event_name(call->kind), id, {}};
        }
        return {message_event, {}, {}};
    }

    [[nodiscard]] lifecycle::decoded decode(std::string_view source, std::string_view body) const override {
        lifecycle::extras extra;
        auto payload = read(body, &extra);
        if (auto* why = std::get_if<lifecycle::unreadable>(&payload)) return std::move(*why);
        const interpreter meaning{zone_, region_, source};
        if (const auto* call = std::get_if<raw_call>(&payload)) return meaning.fact(*call, std::move(extra));
        return meaning.fact(std::get<raw_message>(payload), std::move(extra));
    }

    [[nodiscard]] lifecycle::decoded decode_record(std::string_view source, std::string_view body)
        const override {
        auto record = read_record(body);
        if (auto* why = std::get_if<lifecycle::unreadable>(&record)) return std::move(*why);
        return interpreter{zone_, region_, source}.fact(std::get<raw_call>(record), {});
    }

    [[nodiscard]] const std::string& region() const override { return region_; }

    void find_identifiers(std::string_view body, lifecycle::identifier_finder& finder) const override {
        callpage::find_identifiers(body, finder);
    }

private:
    local_zone zone_;
    std::string region_;
};

}  // namespace

result<std::shared_ptr<const decoder>> make_decoder(const settings& how) {
    auto zone = local_zone::find(how.time_zone);
    if (!zone) return std::move(zone).error();
    if (!is_known_region(how.default_region)) {
        return error{errc::invalid_input, "unknown region \"" + how.default_region + "\"", {}};
    }
    return std::make_shared<const callpage_decoder>(*zone, how.default_region);
}

}  // namespace callhook::sources::callpage
