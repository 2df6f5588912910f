#include "app/doctor/checks.hpp"

#include "app/rooms.hpp"
#include "store/failure.hpp"

namespace callhook::app::doctor {

const std::vector<check>& checks() {
    static const std::vector<check> all{
        {"files", look_at_files},
        {"proxies", look_at_proxies},
        {"listeners", look_at_listeners},
        {"daemon", look_at_daemon},
        {"spool", look_at_spool},
        {"database", look_at_database},
        {"schema", look_at_schema},
        {"feed", look_at_feed},
        {"database disk", look_at_database_disk},
        {"clock", look_at_database_clock},
        {"time zones", look_at_time_zones},
        {"vendors", look_at_vendors},
        {"nats", look_at_nats},
        {"receivers", look_at_receivers},
    };
    return all;
}

const result<patient::database_view>& patient::database() {
    if (database_) return *database_;
    try {
        const auto where = store_settings(values);
        database_view seen{store::look_at_server(where), {}, {}};
        // A role may be let in and still not see the schema.
        try {
            seen.schema = store::read_schema_status(where);
        } catch (const store::failure& e) {
            seen.schema_trouble = e.what();
        }
        database_.emplace(std::move(seen));
    } catch (const store::failure& e) {
        database_.emplace(error{e.cause().code, e.what(), {}});
    }
    return *database_;
}

}  // namespace callhook::app::doctor
