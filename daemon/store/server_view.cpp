#include "store/server_view.hpp"

#include "store/session.hpp"

namespace callhook::store {

namespace {

constexpr statement server_clock{"server_clock", "SELECT clock_timestamp()"};
constexpr statement describe_server{
    "describe_server",
    "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
    " pg_is_in_recovery(),"
    " current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,"
    " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    "   AND application_name NOT LIKE 'callhook-%'),"
    " pg_database_size(current_database()), inet_server_addr() IS NULL,"
    " (SELECT setting FROM pg_settings WHERE name = 'data_directory'),"
    " current_setting('autovacuum')::bool,"
    " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),"
    " has_database_privilege(current_database(), 'CREATE')"};
// A partition is reached through its table.
constexpr statement describe_tables{
    "describe_tables",
    "SELECT c.relname, has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')"
    "   AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')"
    "   AND has_table_privilege(c.oid, 'DELETE'),"
    " pg_has_role(c.relowner, 'USAGE')"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'callhook' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname"};

}  // namespace

server_view look_at_server(const settings& where) {
    using namespace std::chrono;
    session db{where, "doctor"};
    db.connect();
    server_view out;
    db.run("describe server", [&](pqxx::nontransaction& tx) {
        db.exec(tx, server_clock);  // once to be prepared, so that the next takes no longer than it must
        const auto before = system_clock::now();
        const auto there = time_of(db.exec(tx, server_clock)[0][0]);
        const auto halfway = before + (system_clock::now() - before) / 2;
        out.clock_difference = duration_cast<milliseconds>(there - time_point_cast<microseconds>(halfway));

        const auto described = db.exec(tx, describe_server);
        const auto& row = described[0];
        out.version = row[0].as<int>();
        out.version_text = row[1].c_str();
        out.replica = row[2].as<bool>();
        out.max_connections = row[3].as<std::int64_t>();
        out.connections = row[4].as<std::int64_t>();
        out.database_bytes = row[5].as<std::int64_t>();
        if (row[6].as<bool>() && !row[7].is_null()) out.data_directory = row[7].c_str();
        out.autovacuum = row[8].as<bool>();
        out.superuser = row[9].as<bool>();
        out.may_create = row[10].as<bool>();

        for (const auto& table : db.exec(tx, describe_tables)) {
            if (!table[1].as<bool>()) out.out_of_reach.emplace_back(table[0].c_str());
            if (!table[2].as<bool>()) out.of_others.emplace_back(table[0].c_str());
        }
    });
    return out;
}

}  // namespace callhook::store
