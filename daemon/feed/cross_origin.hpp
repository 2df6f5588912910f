#pragma once

#include "http/endpoint.hpp"

#include <memory>
#include <string>
#include <vector>

namespace callhook::feed {

/// Lets scripts of these origins (`https://host[:port]`) read an endpoint's answers in a browser, by CORS;
/// without any it is the endpoint itself. Browsers refuse what is not allowed: nothing else changes.
std::shared_ptr<http::endpoint> readable_from(
    const std::vector<std::string>& origins, std::shared_ptr<http::endpoint> endpoint
);

/// Answers what a browser asks before a request of another origin that has more than the usual fields, such
/// as a token: OPTIONS on the same path, for everybody.
std::shared_ptr<http::endpoint> preflight(const std::vector<std::string>& origins);

}  // namespace callhook::feed
