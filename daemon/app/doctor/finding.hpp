#pragma once

#include <string>
#include <vector>

namespace callhook::app::doctor {

/// What a check has to say, without secrets and personal data.
struct finding {
    enum class weight {
        ok,
        warning,  ///< it works, and somebody should look
        problem   ///< something does not work, or will not
    };
    weight how = weight::ok;
    std::string what{};
    std::string fix{};  ///< empty where there is nothing to do
};

using findings = std::vector<finding>;

inline finding fine(std::string what) {
    return {finding::weight::ok, std::move(what), {}};
}
inline finding warning(std::string what, std::string fix) {
    return {finding::weight::warning, std::move(what), std::move(fix)};
}
inline finding problem(std::string what, std::string fix) {
    return {finding::weight::problem, std::move(what), std::move(fix)};
}

}  // namespace callhook::app::doctor
