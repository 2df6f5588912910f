#include "http/endpoint.hpp"

namespace callhook::http {

endpoint::~endpoint() = default;

std::optional<response> endpoint::admit(const request_head&) {
    return {};
}

}  // namespace callhook::http
