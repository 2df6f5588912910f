#include "app/commands.hpp"
#include "app/rooms.hpp"
#include "app/with_database.hpp"
#include "base/json.hpp"
#include "store/epoch.hpp"

#include <iostream>

namespace callhook::app {

int epoch(const settings& values, const epoch_command& what) {
    return with_database([&] {
        using action = epoch_command::action;
        const auto where = store_settings(values);
        const auto now = what.what == action::begin  ? store::begin_epoch(where)
                         : what.what == action::keep ? store::keep_epoch(where)
                                                     : store::read_epoch(where);
        if (what.json) {
            const json::object out{{"epoch", now.epoch}, {"position", now.position}, {"moved", now.moved}};
            std::cout << json::serialize(out) << '\n';
            return exit_code::fine;
        }
        std::cout << "epoch     " << now.epoch << "\nposition  " << now.position << '\n';
        if (now.moved)
            std::cout << "moved     this database is a restored, promoted or copied one: the next start "
                         "begins a new epoch\n";
        return exit_code::fine;
    });
}

}  // namespace callhook::app
