#pragma once

// Private to store/: what both ways into `deliveries` say.

#include "store/session.hpp"

namespace callhook::store::sql {

inline constexpr statement insert_pending{
    "insert_pending",
    "INSERT INTO pending (batch, first_id, last_id, deliveries, bytes) "
    "VALUES ($1::uuid, $2::uuid, $3::uuid, $4::integer, $5::bigint)"};

}  // namespace callhook::store::sql
