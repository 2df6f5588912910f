#include "sources/callpage/rest_targets.hpp"

#include "base/text.hpp"

namespace callhook::sources::callpage {

namespace {

class target {
public:
    explicit target(std::string_view path) : text_{path} {}

    target& with(std::string_view name, std::string_view value) {
        text_ += before_;
        text_ += name;
        text_ += '=';
        text_ += percent_encode(value);
        before_ = '&';
        return *this;
    }

    target& with(std::string_view name, std::int64_t value) { return with(name, std::to_string(value)); }

    target& with_each(const std::string& name, const auto& values) {
        for (const auto& value : values)
            with(name + "%5B%5D", value);
        return *this;
    }

    target& with_page(std::size_t offset, std::size_t limit) {
        return with("offset", std::to_string(offset)).with("limit", std::to_string(limit));
    }

    std::string text() && { return std::move(text_); }

private:
    std::string text_;
    char before_ = '?';
};

}  // namespace

std::string greeting_target() {
    return "/api/v1/external";
}

std::string call_target(std::int64_t id) {
    return "/api/v3/external/calls/" + std::to_string(id);
}

std::string history_target(const call_filter& filter) {
    target out{"/api/v3/external/calls/history"};
    if (filter.from) out.with("date_from", filter.from->time_since_epoch().count());
    if (filter.to) out.with("date_to", filter.to->time_since_epoch().count());
    out.with_each("call_id", filter.call_ids)
        .with_each("widget_ids", filter.widget_ids)
        .with_each("user_ids", filter.user_ids)
        .with_each("tag_ids", filter.tag_ids)
        .with_each("incoming_number_ids", filter.incoming_number_ids)
        .with_each("statuses", filter.statuses);
    if (!filter.phone_number.empty()) out.with("phone_number", filter.phone_number);
    if (!filter.url.empty()) out.with("url", filter.url);
    if (filter.hidden_too) out.with("display_hidden", *filter.hidden_too ? "1" : "0");
    return std::move(out.with_page(filter.offset, filter.limit)).text();
}

std::string widgets_target(std::size_t offset, std::size_t limit) {
    return std::move(target{"/api/v1/external/widgets/all"}.with_page(offset, limit)).text();
}

std::string users_target(std::size_t offset, std::size_t limit) {
    return std::move(target{"/api/v1/external/users/all"}.with_page(offset, limit)).text();
}

std::string managers_target(std::int64_t widget_id, std::size_t offset, std::size_t limit) {
    target out{"/api/v1/external/managers/all"};
    return std::move(out.with("widget_id", widget_id).with_page(offset, limit)).text();
}

}  // namespace callhook::sources::callpage
