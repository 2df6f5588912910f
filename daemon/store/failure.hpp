#pragma once

#include "base/result.hpp"

#include <stdexcept>
#include <string>

namespace callhook::store {

/// The database did not do what was asked. Thrown by everything in this folder that talks to it. `what()`
/// holds the statement's name and the SQLSTATE, never the server's own text: that quotes rows, and rows hold
/// personal data.
class failure : public std::runtime_error {
public:
    failure(error cause, std::string sqlstate);

    [[nodiscard]] const error& cause() const noexcept { return cause_; }
    /// Five characters, or empty where the server said nothing (the connection broke).
    [[nodiscard]] const std::string& sqlstate() const noexcept { return sqlstate_; }

private:
    error cause_;
    std::string sqlstate_;
};

}  // namespace callhook::store
