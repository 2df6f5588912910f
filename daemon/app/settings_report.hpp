#pragma once

#include "app/load_settings.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <iosfwd>
#include <string>

namespace callhook::app {

/// Every problem in plain words: place, key, value, reason, and below it the way to put it right.
void write_problems(std::ostream& out, const load_outcome& outcome);

/// `{"ok": false, "file": …, "errors": [{"key", "value", "reason", "hint", "origin", "line", "column"}]}`.
json::object problems_as_json(const load_outcome& outcome);

/// `127.0.0.1:8080`, `[::1]:8080`.
std::string address_and_port(const std::string& address, std::uint16_t port);

/// What was configured, in a few lines and without any secret.
void write_summary(std::ostream& out, const load_outcome& outcome);
json::object summary_as_json(const load_outcome& outcome);

/// Reports an unusable configuration the way the command was asked to answer: JSON on `out` or text on `err`.
void report_problems(const load_outcome& outcome, bool as_json, std::ostream& out, std::ostream& err);

}  // namespace callhook::app
