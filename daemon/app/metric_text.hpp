#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::app {

/// What `/metrics` says, to be asked by name.
class metric_text {
public:
    struct sample {
        std::map<std::string, std::string> labels{};
        double value = 0;
    };

    /// Reads Prometheus text exposition; lines that are none are passed over.
    static metric_text parse(std::string_view text);

    /// All samples of a name; empty where there are none.
    [[nodiscard]] const std::vector<sample>& all(std::string_view name) const;

    /// The sum over all samples that have the label's value (any, where `label` is empty); nothing where
    /// there are none.
    [[nodiscard]] std::optional<double> sum(
        std::string_view name, std::string_view label = {}, std::string_view value = {}
    ) const;

private:
    std::map<std::string, std::vector<sample>, std::less<>> samples_;
};

}  // namespace callhook::app
