#include "sources/callpage/path.hpp"

#include "sources/callpage/keys.hpp"

namespace callhook::sources::callpage {

std::string path::pointer() const {
    std::string out;
    for (std::size_t i = 0; i < depth_; ++i) {
        out += '/';
        if (const auto* index = std::get_if<std::size_t>(&segments_[i])) {
            out += std::to_string(*index);
            continue;
        }
        for (const char c : std::get<std::string_view>(segments_[i])) {
            if (c == '~') {
                out += "~0";
            } else if (c == '/') {
                out += "~1";
            } else {
                out += c;
            }
        }
    }
    return out;
}

std::string path::shown() const {
    if (depth_ == 0) return "the document";
    std::string out;
    for (std::size_t i = 0; i < depth_; ++i)
        out += shown(segments_[i]);
    return out;
}

std::string path::shown(const segment& one) {
    if (const auto* index = std::get_if<std::size_t>(&one)) return '/' + std::to_string(*index);
    const auto key = std::get<std::string_view>(one);
    std::string out{'/'};
    out += is_documented_key(key) ? key : "*";
    return out;
}

}  // namespace callhook::sources::callpage
