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

/// Those of the calls that exist, in no particular order, by `sql::read_calls` or another with its
/// parameters.
std::vector<call_row> read_calls(
    session& db,
    pqxx::transaction_base& tx,
    const statement& what,
    const std::vector<lifecycle::call_key>& keys
);
/// The group commits after this one, until there are `enough` deliveries or as many bytes of them as are fit
/// to hold in memory.
std::vector<pending_group> choose_pending(
    session& db, pqxx::transaction_base& tx, std::int64_t after, std::size_t enough
);
/// One list for each group.
std::vector<std::vector<pending_delivery>> read_deliveries(
    session& db, pqxx::transaction_base& tx, const std::vector<pending_group>& groups
);

/// Their sources and their ids.
std::pair<std::string, std::string> arrays_of(const std::vector<lifecycle::call_key>& keys);

/// The transaction of `sequencer_store::sequence`, on a session whose head row is locked by this call.
std::unique_ptr<class sequencer_transaction> begin_sequencing(session& db, pqxx::work& tx);

}  // namespace callhook::store
