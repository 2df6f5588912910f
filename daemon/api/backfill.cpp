#include "api/backfill.hpp"

#include "api/paging.hpp"
#include "base/time_text.hpp"

#include <algorithm>

namespace callhook::api {

namespace {

/// Nothing else can be in the name of a source, so anything else is a mistake and no empty list.
bool could_name_a_source(std::string_view text) {
    const auto in_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    return !text.empty() && std::ranges::all_of(text, in_name);
}

struct gap_query {
    std::optional<std::string> source{};
    page where{};
};

result<gap_query> read_gap_query(const http::request& whole, std::size_t page_limit) {
    const auto query = http::query_parameters::parse(whole.query);
    if (!query) return query.error();
    if (const auto known = only_known(*query, {"source", "limit", "cursor"}); !known) return known.error();
    const auto where = page_of(*query, page_limit);
    if (!where) return where.error();
    gap_query out{{}, *where};
    if (const auto source = query->get("source")) {
        if (!could_name_a_source(*source))
            return error{errc::invalid_input, "source is the name of a source, such as main", ""};
        out.source = *source;
    }
    return out;
}

struct job_query {
    bool dead_only = false;
    std::size_t limit = 0;
};

result<job_query> read_job_query(const http::request& whole, std::size_t page_limit) {
    const auto query = http::query_parameters::parse(whole.query);
    if (!query) return query.error();
    if (const auto known = only_known(*query, {"state", "limit"}); !known) return known.error();
    const auto limit = limit_of(*query, page_limit);
    if (!limit) return limit.error();
    const auto state = query->get("state").value_or("all");
    if (state != "dead" && state != "all") return error{errc::invalid_input, "state is dead or all", ""};
    return job_query{state == "dead", *limit};
}

}  // namespace

json::object gap_json(const store::listed_gap& gap) {
    json::object events;
    for (const auto& [event, missing] : gap.events)
        events.emplace(event, missing);
    return {
        {"id", to_string(gap.id)},
        {"source", gap.source},
        {"found_at", to_rfc3339(gap.found_at)},
        {"found_by", gap.found_by},
        {"from", to_rfc3339(gap.from)},
        {"to", to_rfc3339(gap.to)},
        {"calls", gap.calls},
        {"events", std::move(events)},
        {"came_late", gap.came_late},
    };
}

json::object gap_details_json(const store::listed_gap& gap, const std::vector<store::gap_call>& missing) {
    auto out = gap_json(gap);
    out.emplace("missing", list_of(missing, [](const store::gap_call& one) {
                    json::object item{{"call_id", one.call_id}, {"event", one.event}};
                    if (!one.phase.empty()) item.emplace("phase", one.phase);
                    if (one.came_at) item.emplace("came_at", to_rfc3339(*one.came_at));
                    return item;
                }));
    return out;
}

json::object silent_widget_json(const store::silent_widget& silent) {
    return {
        {"source", silent.source},
        {"id", silent.widget.id},
        {"name", silent.widget.name},
        {"url", silent.widget.url},
        {"calls", silent.calls},
    };
}

json::object job_json(const store::job& job) {
    json::object out{{"id", job.id}, {"source", job.source}, {"kind", job.kind}};
    if (job.call_id != 0) out.emplace("call_id", job.call_id);
    out.emplace("reason", job.reason);
    out.emplace("due_at", to_rfc3339(job.due_at));
    out.emplace("looks", job.looks);
    out.emplace("attempts", job.attempts);
    if (job.dead_at) out.emplace("dead_at", to_rfc3339(*job.dead_at));
    if (!job.last_error.empty()) out.emplace("last_error", job.last_error);
    return out;
}

boost::asio::awaitable<http::response> gaps_endpoint::handle(http::request whole) {
    const auto asked = read_gap_query(whole, page_limit_);
    if (!asked) co_return refusal(asked.error());
    struct found {
        std::vector<store::listed_gap> gaps;
        std::vector<store::silent_widget> silent;
    };
    auto read_page = [what = *asked](store::queries& q) {
        found out{q.gaps(what.source, what.where.before, what.where.limit), {}};
        if (what.where.before) return out;
        out.silent = q.silent_widgets();
        std::erase_if(out.silent, [&](const auto& one) { return what.source && one.source != *what.source; });
        return out;
    };
    const auto rows = co_await readers_.run(std::move(read_page));
    if (!rows) co_return refusal(rows.error());
    json::object body{{"gaps", list_of(rows->gaps, gap_json)}};
    if (!asked->where.before) body.emplace("silent_widgets", list_of(rows->silent, silent_widget_json));
    body.emplace("next_cursor", next_cursor(rows->gaps, asked->where.limit));
    co_return http::json_response(200, json::serialize(body));
}

boost::asio::awaitable<http::response> gap_endpoint::handle(http::request whole) {
    const auto id = parse_uuid(whole.path_parameter("id"));
    if (!id) co_return http::problem(404, "a gap report's id is a UUID");
    auto read_gap = [id = *id](store::queries& q) -> std::optional<json::object> {
        const auto gap = q.gap(id);
        if (!gap) return {};
        return gap_details_json(*gap, q.gap_calls(id));
    };
    const auto found = co_await readers_.run(std::move(read_gap));
    if (!found) co_return refusal(found.error());
    if (!*found) co_return http::problem(404, "no such gap report is known");
    co_return http::json_response(200, json::serialize(**found));
}

boost::asio::awaitable<http::response> jobs_endpoint::handle(http::request whole) {
    const auto asked = read_job_query(whole, page_limit_);
    if (!asked) co_return refusal(asked.error());
    auto read_jobs = [what = *asked](store::queries& q) { return q.jobs(what.dead_only, what.limit); };
    const auto rows = co_await readers_.run(std::move(read_jobs));
    if (!rows) co_return refusal(rows.error());
    co_return http::json_response(200, json::serialize(json::object{{"jobs", list_of(*rows, job_json)}}));
}

}  // namespace callhook::api
