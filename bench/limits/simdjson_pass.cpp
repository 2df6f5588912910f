// simdjson alone over the bodies of the load: every value of every body is visited, none is kept.
// Usage: simdjson_pass FORM SECONDS

#include "bodies.hpp"

#include <simdjson.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

namespace {

using simdjson::ondemand::json_type;

/// How many values there are.
std::size_t visit(simdjson::ondemand::value value) {
    std::size_t values = 1;
    switch (value.type().value()) {
        case json_type::object:
            for (auto field : value.get_object())
                values += visit(field.value().value());
            break;
        case json_type::array:
            for (auto element : value.get_array())
                values += visit(element.value());
            break;
        case json_type::string:
            values += value.get_string().value().empty() ? 0 : 1;
            break;
        default:
            static_cast<void>(value.raw_json_token());
            break;
    }
    return values;
}

int measure(const char* path, double seconds) {
    const callhook::bench::body_form form{path};
    std::vector<simdjson::padded_string> bodies;
    std::size_t bytes = 0;
    for (int id = 1; id <= 1000; ++id) {
        bodies.emplace_back(form.of(id));
        bytes += bodies.back().size();
    }
    simdjson::ondemand::parser parser;
    using clock = std::chrono::steady_clock;
    const auto begun = clock::now();
    std::size_t passes = 0;
    std::size_t values = 0;
    double lasted = 0;
    do {
        for (const auto& body : bodies) {
            auto document = parser.iterate(body);
            values += visit(document.get_value().value());
        }
        ++passes;
        lasted = std::chrono::duration<double>(clock::now() - begun).count();
    } while (lasted < seconds);
    const auto n = static_cast<double>(passes);
    std::printf(
        "{\"bodies\":%.1f,\"bytes\":%.1f,\"values\":%zu}\n",
        n * static_cast<double>(bodies.size()) / lasted,
        n * static_cast<double>(bytes) / lasted,
        values
    );
    return EXIT_SUCCESS;
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 3) {
        std::fprintf(stderr, "usage: simdjson_pass FORM SECONDS\n");
        return 64;
    }
    try {
        return measure(arguments[1], std::strtod(arguments[2], nullptr));
    } catch (const std::exception& e) {
        std::fprintf(stderr, "simdjson_pass: %s\n", e.what());
        return EXIT_FAILURE;
    }
}
