#include "app/key_trials.hpp"

namespace callhook::app {

namespace {

template <class Answer>
key_trial trial(const char* name, const char* scope, bool needed, const Answer& answer) {
    key_trial out{name, scope, needed, {}};
    if (!answer) out.failure = answer.error();
    return out;
}

}  // namespace

boost::asio::awaitable<std::vector<key_trial>> try_key(sources::call_api& api) {
    std::vector<key_trial> out;
    const auto greeting = co_await api.greet();
    out.push_back(trial("the API answers and takes the key", "", true, greeting));
    if (!greeting) co_return out;
    sources::call_filter one;
    one.limit = 1;
    const auto calls = co_await api.calls(one);
    out.push_back(trial("history of calls", "calls.view", true, calls));
    const auto widgets = co_await api.widgets();
    out.push_back(trial("widgets", "widgets.view", true, widgets));
    if (widgets && !widgets->empty()) {
        const auto managers = co_await api.managers(widgets->front().id);
        out.push_back(trial("managers of a widget", "managers.view", false, managers));
    }
    const auto users = co_await api.users();
    out.push_back(trial("users", "", false, users));
    co_return out;
}

}  // namespace callhook::app
