#include "feed/consumers/consumer_places.hpp"

namespace callhook::feed::consumers {

namespace {

error place_is_gone() {
    return {
        errc::gone,
        "the events after this consumer's position are gone: the feed's history may have been rewritten, or "
        "they "
        "have expired; go on with a reset",
        ""};
}

error place_is_ahead() {
    return {
        errc::conflict,
        "the feed has lost events that this consumer has acknowledged; go on with a reset",
        ""};
}

}  // namespace

result<store::consumer> known(std::optional<store::consumer> found) {
    if (!found) return error{errc::not_found, "there is no consumer of this name", ""};
    return std::move(*found);
}

result<store::consumer> readers_own(std::optional<store::consumer> found) {
    auto one = known(std::move(found));
    if (one && one->kind != store::consumer_kind::reader) {
        return error{
            errc::conflict, "this is a publisher, which callhook itself moves; it can only be reset", ""};
    }
    return one;
}

result<store::consumer> within(result<store::consumer> one, std::string_view epoch) {
    if (one && one->epoch != epoch) return place_is_gone();
    return one;
}

result<cursor> acknowledged(std::string_view id, const store::feed_head& head) {
    if (id == "0" || id == "$")
        return error{errc::invalid_input, "position is the id of an event, or what Last-Event-ID said", ""};
    auto all = head;
    all.floor = 0;
    auto at = resolve_cursor(id, all);
    if (at) return at;
    switch (at.error().code) {
        case errc::invalid_input:
            return error{errc::invalid_input, "position is not an event id of this feed", ""};
        case errc::gone:
            return error{
                errc::gone,
                "this id belongs to another epoch of the feed: its history may have been rewritten; go on "
                "with a "
                "reset",
                ""};
        default:
            return error{
                errc::conflict,
                "this id is ahead of the feed: the feed has lost events that were read before; go on with a "
                "reset",
                ""};
    }
}

result<cursor> reading_from(
    const store::consumer& one, std::string_view last_event_id, const store::feed_head& head
) {
    const auto place = resolve_cursor(to_string(cursor{one.epoch, one.position}), head);
    if (!place) return place.error().code == errc::gone ? place_is_gone() : place_is_ahead();
    if (last_event_id.empty()) return place;
    // One that has expired is not further, which is all that counts here.
    auto all = head;
    all.floor = 0;
    const auto further = resolve_cursor(last_event_id, all);
    return !further || further->position > place->position ? further : place;
}

}  // namespace callhook::feed::consumers
