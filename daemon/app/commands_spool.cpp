#include "app/commands.hpp"
#include "app/exit_codes.hpp"
#include "base/json.hpp"
#include "base/time_text.hpp"
#include "spool/visiting.hpp"

#include <iostream>

namespace callhook::app {
namespace {

json::object as_json(const settings& values, const spool::status& s) {
    return {
        {"enabled", !values.spool.directory.empty()},
        {"directory", values.spool.directory},
        {"deliveries", s.deliveries},
        {"bytes", s.body_bytes},
        {"file_bytes", s.file_bytes},
        {"oldest", s.oldest ? json::value(to_rfc3339(*s.oldest)) : json::value(nullptr)},
        {"damaged", s.damaged},
        {"corrupt_files", json::array(s.corrupt_files.begin(), s.corrupt_files.end())}};
}

void write(std::ostream& out, const settings& values, const spool::status& s) {
    out << "spool       " << values.spool.directory << '\n';
    if (s.deliveries == 0)
        out << "waiting     nothing\n";
    else
        out << "waiting     " << s.deliveries << " deliveries, " << s.body_bytes << " bytes, the oldest from "
            << to_rfc3339(*s.oldest) << '\n';
    out << "file        " << s.file_bytes << " bytes\n";
    out << "damaged     " << s.damaged
        << (s.damaged == 0 ? "" : " deliveries, which are not handed to the database") << '\n';
    for (const auto& name : s.corrupt_files)
        out << "set aside   " << name << '\n';
}

int failed(const error& why) {
    std::cerr << "callhookd: " << why.message << (why.detail.empty() ? "" : ": " + why.detail) << '\n';
    return why.code == errc::mismatch ? exit_code::configuration : exit_code::unavailable;
}

}  // namespace

int spool(const settings& values, const spool_command& what) {
    const bool enabled = !values.spool.directory.empty();
    spool::status found;
    if (enabled) {
        const auto read = spool::look(values.spool.directory);
        if (!read && read.error().code != errc::not_found) return failed(read.error());
        if (read) found = *read;
    }
    if (what.json)
        std::cout << json::serialize(as_json(values, found)) << '\n';
    else if (enabled)
        write(std::cout, values, found);
    else
        std::cout << "the spool is off: spool.directory is empty\n";
    return exit_code::fine;
}

}  // namespace callhook::app
