#pragma once

#include "base/clock.hpp"
#include "store/settings.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace callhook::store {

/// What a database server and callhook's role on it are like, for who looks after them.
struct server_view {
    int version = 0;  ///< `150005` is 15.5
    std::string version_text{};
    bool replica = false;                          ///< it only reads
    std::chrono::milliseconds clock_difference{};  ///< its clock before ours; half a round trip exact
    std::int64_t max_connections = 0;              ///< those kept for superusers taken off
    std::int64_t connections = 0;                  ///< of others than callhook
    std::int64_t database_bytes = 0;
    /// Where it keeps its data, if it is on this machine and the role may know; else empty.
    std::string data_directory{};
    bool autovacuum = true;
    bool superuser = false;                   ///< the role is one
    bool may_create = false;                  ///< the role may make the schema
    std::vector<std::string> out_of_reach{};  ///< tables of the schema that the role cannot work with
    std::vector<std::string>
        of_others{};  ///< those that it does not own, so that it cannot migrate or expire
};

/// Reads it over one connection. Throws `failure`.
server_view look_at_server(const settings& where);

}  // namespace callhook::store
