#pragma once

#include "http/endpoint.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::http {

/// Which endpoint answers which method and path. Filled before the servers that use it start and unchanged
/// from then on; outlives them.
///
/// A pattern is `/` and segments, each a literal (compared byte by byte with the raw, still encoded segment)
/// or `{name}` (any one non-empty segment). Nothing is normalised: `//`, a trailing slash and an encoded
/// literal simply do not match. A literal wins over a capture at the same place.
class router {
public:
    struct match_result {
        endpoint* target = nullptr;  ///< null with 404 and 405
        unsigned status = 404;       ///< 200, 404 or 405
        std::string_view pattern{};  ///< of the route; lives as long as the router
        std::vector<field> parameters{};
        std::string allow{};  ///< with 405: what the `Allow` field says
    };

    struct route {
        std::string method;
        std::string pattern;
    };

    /// Throws std::invalid_argument for a malformed pattern and for a method and pattern that are there
    /// already: a mistake in the program, not in its input.
    void add(std::string_view method, std::string_view pattern, std::shared_ptr<endpoint> target);

    /// `path` is raw. A parameter with a broken escape, a NUL or bytes that are not UTF-8, or that is a dot
    /// segment, gives 404. HEAD goes to GET's endpoint unless it has its own.
    [[nodiscard]] match_result match(std::string_view method, std::string_view path) const;

    /// Every method and pattern as added (HEAD is implied by GET), sorted by pattern.
    [[nodiscard]] std::vector<route> routes() const;

private:
    struct segment {
        std::string text;  ///< the literal, or the parameter's name
        bool captures = false;
    };
    struct entry {
        std::string method;
        std::shared_ptr<endpoint> target;
    };
    struct group {
        std::string pattern;
        std::vector<segment> segments;
        std::vector<entry> entries;
    };

    static std::vector<segment> parse(std::string_view pattern);
    static bool matches(const group& candidate, const std::vector<std::string_view>& path);
    static bool capture(
        const group& matched, const std::vector<std::string_view>& path, std::vector<field>& into
    );

    // Shared pointers, so that the patterns handed out as views stay put while routes are added.
    std::vector<std::shared_ptr<group>> groups_;
};

/// Puts a route of somebody else's into a router, with whatever has to stand before it: how a room adds
/// routes without knowing who may use them.
using route_adder =
    std::function<void(std::string_view method, std::string_view pattern, std::shared_ptr<endpoint> target)>;

}  // namespace callhook::http
