#pragma once

#include "app/arguments.hpp"
#include "app/load_settings.hpp"
#include "base/result.hpp"
#include "store/migrations.hpp"
#include "store/server_view.hpp"

#include <optional>
#include <string>
#include <vector>

namespace callhook::app::doctor {

/// What is to be looked at, and what has been seen already, so that no check waits anew for a database that
/// is away.
struct patient {
    /// Both must outlive it; the outcome has no problem.
    patient(const load_outcome& loaded, const api_access& access)
        : values{loaded.values}, file{loaded.file}, secret_files{loaded.secret_files}, api{access} {}

    const settings& values;
    const std::string& file;  ///< of the configuration; empty: there is none
    const std::vector<secret_file>& secret_files;
    const api_access& api;

    /// What there is to know of the database, asked for once; the error's message says why there is nothing.
    struct database_view {
        store::server_view server{};
        std::optional<store::schema_status> schema{};
        std::string schema_trouble{};  ///< why that could not be read
    };
    const result<database_view>& database();

private:
    std::optional<result<database_view>> database_{};
};

}  // namespace callhook::app::doctor
