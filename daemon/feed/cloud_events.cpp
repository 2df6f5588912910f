#include "feed/cloud_events.hpp"

#include "feed/cursor.hpp"

namespace callhook::feed {

namespace {

void append(std::string& out, const std::string& epoch, const store::event_row& event) {
    const auto sequence = padded(event.position);
    out += R"({"id":")";
    out += epoch;
    out += '.';
    out += sequence;
    out += R"(","sequence":")";
    out += sequence;
    out += R"(",)";
    out.append(event.event, 1);  // without its opening brace
}

}  // namespace

std::string render(const std::string& epoch, const store::event_row& event) {
    std::string out;
    append(out, epoch, event);
    return out;
}

void append_frame(std::string& out, const std::string& epoch, const store::event_row& event) {
    out.append("id: ").append(epoch).append(".").append(padded(event.position)).append("\ndata: ");
    append(out, epoch, event);
    out += "\n\n";
}

std::string render_batch(const std::string& epoch, const std::vector<shared_event>& events) {
    std::string out = "[";
    for (const auto& event : events) {
        if (out.size() > 1) out += ',';
        append(out, epoch, *event);
    }
    out += ']';
    return out;
}

std::string render_lines(const std::string& epoch, const std::vector<shared_event>& events) {
    std::string out;
    for (const auto& event : events) {
        append(out, epoch, *event);
        out += '\n';
    }
    return out;
}

}  // namespace callhook::feed
