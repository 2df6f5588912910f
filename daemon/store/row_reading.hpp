#pragma once

// Private to store/: rows of results as structs. The order of columns is that of the statements in
// sequencer_sql.hpp.

#include "store/backfill_store.hpp"
#include "store/rows.hpp"
#include "store/session.hpp"

namespace callhook::store {

call_row read_call(const pqxx::row& row);
message_row read_message(const pqxx::row& row);
pending_delivery read_delivery(const pqxx::row& row);
feed_head read_head(const pqxx::row& row);

/// The columns that `read_job` reads.
#define CALLHOOK_JOB_COLUMNS \
    "id, source, kind, call_id, reason, due_at, generation, looks, attempts, dead_at, last_error"
job read_job(const pqxx::row& row);

std::optional<utc_time> optional_time(const pqxx::field& field);

/// The transaction of `sequencer_store::sequence`, on a session whose head row is locked by this call.
std::unique_ptr<class sequencer_transaction> begin_sequencing(session& db, pqxx::work& tx);

}  // namespace callhook::store
