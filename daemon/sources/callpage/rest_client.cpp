#include "sources/callpage/rest_client.hpp"

#include "sources/callpage/rest_answers.hpp"
#include "sources/callpage/rest_targets.hpp"

#include <functional>
#include <optional>
#include <set>

namespace callhook::sources::callpage {

namespace {

using boost::asio::awaitable;

using target_of_page = std::function<std::string(std::size_t offset, std::size_t limit)>;

template <class T>
using page_reader = api_result<listing<T>> (*)(const api_answer&, utc_time);

class rest_client final : public call_api {
public:
    rest_client(transport& by, const clock_source& clock) : by_{by}, clock_{clock} {}

    awaitable<api_result<void>> greet() override {
        return ask<void>({"greet", greeting_target()}, read_greeting);
    }

    awaitable<api_result<std::string>> call(std::int64_t id) override {
        return ask<std::string>({"call", call_target(id)}, read_call);
    }

    awaitable<api_result<call_page>> calls(call_filter filter) override {
        return ask<call_page>({"history", history_target(filter)}, read_history);
    }

    awaitable<api_result<std::vector<widget>>> widgets() override {
        return ask_all<widget>("widgets", widgets_target, read_widgets);
    }

    awaitable<api_result<std::vector<person>>> users() override {
        return ask_all<person>("users", users_target, read_users);
    }

    awaitable<api_result<std::vector<person>>> managers(std::int64_t widget_id) override {
        const auto target = [widget_id](std::size_t offset, std::size_t limit) {
            return managers_target(widget_id, offset, limit);
        };
        return ask_all<person>("managers", target, read_managers);
    }

private:
    template <class T>
    awaitable<api_result<T>> ask(api_request what, api_result<T> (*read)(const api_answer&, utc_time)) {
        const auto operation = what.operation;
        auto answer = co_await by_.get(std::move(what));
        if (!answer) co_return std::move(answer).error();
        auto said = read(*answer, clock_.now());
        const auto failure = said ? std::optional<api_failure>{} : std::optional{said.error()};
        co_await by_.judge(operation, answer->mark, failure ? &*failure : nullptr);
        co_return said;
    }

    template <class T>
    awaitable<api_result<std::vector<T>>> ask_all(
        std::string_view operation, target_of_page target, page_reader<T> read
    );

    transport& by_;
    const clock_source& clock_;
};

template <class T>
awaitable<api_result<std::vector<T>>> rest_client::ask_all(
    std::string_view operation, target_of_page target, page_reader<T> read
) {
    std::vector<T> all;
    std::set<std::int64_t> seen;
    std::size_t offset = 0;
    for (std::size_t page = 0; page < most_pages; ++page) {
        api_request what{operation, target(offset, page_limit)};
        auto got = co_await ask<listing<T>>(std::move(what), read);
        if (!got) co_return std::move(got).error();
        const auto before = all.size();
        for (auto& item : got->items) {
            if (seen.insert(item.id).second) all.push_back(std::move(item));
        }
        // The vendor may give fewer than were asked for, so the next page begins where this one ended.
        offset += got->items.size();
        const bool full = got->items.size() >= page_limit;
        const bool is_last = got->count ? std::cmp_greater_equal(offset, *got->count) : !full;
        if (is_last || all.size() == before) co_return all;
    }
    co_return api_failure{api_failure::kind::unreadable, "a list without end", 200, {}};
}

}  // namespace

std::unique_ptr<call_api> make_api(transport& by, const clock_source& clock) {
    return std::make_unique<rest_client>(by, clock);
}

}  // namespace callhook::sources::callpage
