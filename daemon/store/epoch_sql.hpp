#pragma once

// Private to store/.

#include "store/session.hpp"

namespace callhook::store::sql {

/// Where the database is, and whether the log's epoch began elsewhere: in another cluster, on another
/// timeline, or in another database or table of this cluster.
#define CALLHOOK_PLACE                                                \
    "(SELECT s.system_identifier::text, c.timeline_id, feed_place() " \
    " FROM pg_control_system() s, pg_control_checkpoint() c) here (system_identifier, timeline, place)"
#define CALLHOOK_MOVED                                                                             \
    "(h.system_identifier <> here.system_identifier OR h.timeline <> here.timeline OR h.place <> " \
    "here.place)"
#define CALLHOOK_SETTLE \
    "system_identifier = here.system_identifier, timeline = here.timeline, place = here.place"
#define CALLHOOK_NEW_EPOCH "epoch = substr(replace(gen_random_uuid()::text, '-', ''), 1, 8), " CALLHOOK_SETTLE

inline constexpr statement renew_epoch{
    "renew_epoch",
    "UPDATE feed_head h SET " CALLHOOK_NEW_EPOCH " FROM " CALLHOOK_PLACE " WHERE " CALLHOOK_MOVED
    " OR (h.epoch = $1 AND h.position < $2::bigint) RETURNING h.epoch"};

inline constexpr statement begin_epoch{
    "begin_epoch",
    "UPDATE feed_head h SET " CALLHOOK_NEW_EPOCH " FROM " CALLHOOK_PLACE
    " RETURNING h.epoch, h.position, false"};

inline constexpr statement keep_epoch{
    "keep_epoch",
    "UPDATE feed_head h SET " CALLHOOK_SETTLE " FROM " CALLHOOK_PLACE
    " RETURNING h.epoch, h.position, false"};

inline constexpr statement read_end{"read_end", "SELECT epoch, position FROM feed_head"};

inline constexpr statement read_epoch{
    "read_epoch", "SELECT h.epoch, h.position, " CALLHOOK_MOVED " FROM feed_head h, " CALLHOOK_PLACE};

#undef CALLHOOK_NEW_EPOCH
#undef CALLHOOK_SETTLE
#undef CALLHOOK_MOVED
#undef CALLHOOK_PLACE

}  // namespace callhook::store::sql
