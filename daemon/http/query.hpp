#pragma once

#include "base/result.hpp"
#include "http/message.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace callhook::http {

/// The parameters of a query string, decoded as HTML forms encode them (`+` is a space). Empty parts
/// (`a=1&&b=2`) are skipped; a part without `=` is a name with an empty value. A plain value; views into it
/// live as long as it does.
class query_parameters {
public:
    /// invalid_input on a broken escape, a decoded NUL, or bytes that are not UTF-8; the message does not
    /// repeat the query.
    static result<query_parameters> parse(std::string_view query);

    /// The first value of this name.
    [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;

    /// Every value of this name, in order.
    [[nodiscard]] std::vector<std::string_view> all(std::string_view name) const;

    /// The distinct names in order of first use, so that an endpoint can refuse what it does not know.
    [[nodiscard]] std::vector<std::string_view> names() const;

private:
    std::vector<field> parameters_;
};

}  // namespace callhook::http
