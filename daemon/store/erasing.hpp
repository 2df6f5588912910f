#pragma once

// Private to store/.

#include "store/erasures.hpp"
#include "store/session.hpp"

#include <memory>

namespace callhook::store {

/// The columns that `read_receipt` reads.
#define CALLHOOK_ERASURE_COLUMNS "id, kind, identifier_hash, erased_at, counts"
erasure_receipt read_receipt(const pqxx::row& row);

/// Erasing within a transaction that holds the head's lock. Both must outlive it.
std::unique_ptr<erasure_access> begin_erasing(session& db, pqxx::work& tx);

}  // namespace callhook::store
