#include "store/epoch.hpp"

#include "store/epoch_sql.hpp"

namespace callhook::store {
namespace {

epoch_status ask(const settings& where, const statement& what) {
    session db{where, "command"};
    return db.transact(what.name, [&](pqxx::work& tx) {
        const auto row = db.exec(tx, what)[0];
        return epoch_status{row[0].c_str(), row[1].as<std::int64_t>(), row[2].as<bool>()};
    });
}

}  // namespace

epoch_status read_epoch(const settings& where) {
    return ask(where, sql::read_epoch);
}

epoch_status begin_epoch(const settings& where) {
    return ask(where, sql::begin_epoch);
}

epoch_status keep_epoch(const settings& where) {
    return ask(where, sql::keep_epoch);
}

}  // namespace callhook::store
