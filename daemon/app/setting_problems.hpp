#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace callhook::app {

/// Where a value was given.
struct setting_origin {
    std::string place{};  ///< the file's path or the environment variable's name; empty for a default
    unsigned line = 0;    ///< 0 where it is not in the file
    unsigned column = 0;
};

/// One thing wrong with the configuration. None of the texts holds a secret.
struct setting_problem {
    std::string key{};
    std::string value{};  ///< as given, `***` where it must not be shown, empty where none was given
    std::string reason{};
    std::string hint{};
    setting_origin origin{};
};

/// Collects everything that is wrong, so that all of it can be put right at once.
class setting_problems {
public:
    /// Remembers where a key got its value; later problems of the key name that place.
    void came_from(const std::string& key, const setting_origin& origin);

    /// A problem of a known key.
    void add(const std::string& key, std::string value, std::string reason, std::string hint);
    /// A problem at a place of its own.
    void add_at(
        const setting_origin& origin,
        const std::string& key,
        std::string value,
        std::string reason,
        std::string hint
    );

    /// Whether the key has a problem already, so that nothing should be concluded from its value.
    [[nodiscard]] bool concerns(const std::string& key) const { return concerned_.contains(key); }
    [[nodiscard]] const setting_origin& origin(const std::string& key) const;
    [[nodiscard]] const std::vector<setting_problem>& all() const noexcept { return all_; }

private:
    std::map<std::string, setting_origin> origins_;
    std::set<std::string> concerned_;
    std::vector<setting_problem> all_;
};

}  // namespace callhook::app
