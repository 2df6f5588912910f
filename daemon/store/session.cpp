#include "store/session.hpp"

#include "base/escaping.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"

#include <algorithm>
#include <cstdlib>

namespace callhook::store {

namespace {

/// libpq takes whole seconds, and at least 2 of them.
std::string connect_seconds(std::chrono::milliseconds timeout) {
    return std::to_string(std::max<std::int64_t>(2, (timeout.count() + 999) / 1000));
}

bool is_uri(const std::string& url) {
    return url.starts_with("postgres://") || url.starts_with("postgresql://");
}

/// Appends a parameter that the operator's own string does not set; in libpq the last one of a name wins.
void append_default(std::string& url, const std::string& name, const std::string& value) {
    if (url.find(name + '=') != std::string::npos) return;
    if (is_uri(url))
        url += (url.find('?') == std::string::npos ? '?' : '&') + name + '=' + value;
    else
        url += ' ' + name + '=' + value;
}

std::string connection_string(const settings& where, const std::string& role) {
    std::string url = where.url.reveal();
    append_default(url, "connect_timeout", connect_seconds(where.connect_timeout));
    append_default(url, "application_name", "callhook-" + role);
    // A peer that vanished without a word must not hold a session, and with it the sequencer's lock, for
    // hours.
    append_default(url, "keepalives_idle", "2");
    append_default(url, "keepalives_interval", "1");
    append_default(url, "keepalives_count", "3");
    append_default(url, "tcp_user_timeout", std::to_string(where.connect_timeout.count()));
    return url;
}

std::string session_setup(const settings& where) {
    const auto ms = std::to_string(where.statement_timeout.count());
    return "SET search_path = callhook, pg_catalog; SET synchronous_commit = on; "
           "SET default_transaction_isolation = 'read committed'; SET timezone = 'UTC'; SET datestyle = "
           "'ISO'; "
           "SET bytea_output = 'escape'; SET client_min_messages = 'warning'; "
           "SET tcp_keepalives_idle = 2; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 2; "
           "SET idle_in_transaction_session_timeout = '30s'; SET lock_timeout = '" +
           ms +
           "ms'; "
           "SET statement_timeout = '" +
           ms + "ms'";
}

errc code_of(const std::string& sqlstate) {
    if (sqlstate.starts_with("42") || sqlstate.starts_with("3F") || sqlstate.starts_with("3D"))
        return errc::mismatch;
    // Class 22: a value that no column could hold, such as text that is not UTF-8 or the year 0.
    if (sqlstate.starts_with("22")) return errc::invalid_input;
    if (sqlstate == "57014" || sqlstate == "55P03") return errc::timed_out;
    return errc::unavailable;
}

}  // namespace

failure::failure(error cause, std::string sqlstate)
    : std::runtime_error{cause.message + (cause.detail.empty() ? "" : ": " + cause.detail)},
      cause_{std::move(cause)},
      sqlstate_{std::move(sqlstate)} {}

#if PQXX_VERSION_MAJOR >= 7
struct notification_sink {
    std::optional<std::string> payload{};
};
#else
struct notification_sink final : pqxx::notification_receiver {
    notification_sink(pqxx::connection_base& c, const std::string& channel)
        : notification_receiver{c, channel} {}
    void operator()(const std::string& text, int) override { payload = text; }
    std::optional<std::string> payload{};
};
#endif

/// The server ends a statement by itself. BEGIN, COPY and COMMIT are not told of one by one, so there may be
/// two.
session::session(const settings& where, std::string role)
    : where_{where}, role_{std::move(role)}, watch_{2 * where.statement_timeout + where.connect_timeout} {}
session::~session() {
    disconnect();
}

void session::expect_answer() {
    if (connected()) watch_.expect(connection_->sock());
}

bool session::connected() const noexcept {
    return connection_ != nullptr && connection_->is_open();
}

void session::connect() {
    if (connected()) return;
    disconnect();
    // A connection that is not set up in full must not be used: what durability rests on is in the set-up.
    try {
        set_up();
    } catch (...) {
        disconnect();
        throw;
    }
}

void session::set_up() {
    guarded("connect", [&] {
        connection_ = std::make_unique<pqxx::connection>(connection_string(where_, role_));
        expect_answer();
#if PQXX_VERSION_MAJOR < 7
        // 6.4 reconnects by itself, and would lose the session's settings and locks without a word.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
        connection_->inhibit_reactivation(true);
#pragma GCC diagnostic pop
#endif
        pqxx::nontransaction tx{*connection_};
        tx.exec(session_setup(where_));
    });
    if (on_connect_) on_connect_(*this);
}

void session::disconnect() noexcept {
    sink_.reset();
    prepared_.clear();
    watch_.enough();
    connection_.reset();
}

void session::prepare(const statement& what) {
    if (prepared_.contains(what.name)) return;
    last_statement_ = what.name;
    connection_->prepare(what.name, what.sql);
    prepared_.insert(what.name);
}

void session::translate() {
    const std::string name = last_statement_;
    const auto lost = [&](const char* how) {
        if (watch_.broke()) how = "no answer in time, so the connection was given up";
        disconnect();
        throw failure{{errc::unavailable, "the database does not answer", name + ": " + how}, ""};
    };
    try {
        throw;
    } catch (const pqxx::in_doubt_error&) {
        lost("the commit is in doubt");
    } catch (const pqxx::broken_connection&) {
        lost(connection_ ? "the connection broke" : "no connection");
    } catch (const pqxx::sql_error& e) {
        const std::string state = e.sqlstate();
        // Class 57P: the server is shutting down or crashed; class 08: the connection.
        const bool gone = state.empty() || state.starts_with("57P") || state.starts_with("08");
        if (gone || !connected()) disconnect();
        const auto code = code_of(state);
        const auto* message = code == errc::invalid_input ? "a value is out of range, or is not UTF-8"
                                                          : "the database refused a statement";
        throw failure{{code, message, name + ": SQLSTATE " + state}, state};
    } catch (const pqxx::failure&) {
        lost("the driver failed");
    }
    std::abort();
}

void session::listen(const char* channel) {
    guarded("listen", [&] {
#if PQXX_VERSION_MAJOR >= 7
        sink_ = std::make_unique<notification_sink>();
        connection_->listen(channel, [sink = sink_.get()](pqxx::notification told) {
            sink->payload = std::string{told.payload};
        });
#else
        sink_ = std::make_unique<notification_sink>(*connection_, channel);
#endif
    });
}

std::optional<std::string> session::await_notification(std::chrono::milliseconds longest) {
    return guarded("await notification", [&] {
        watch_.enough();  // nothing is owed here: the wait has an end of its own
        if (sink_) sink_->payload.reset();
        const auto seconds = longest.count() / 1000;
        const auto micros = (longest.count() % 1000) * 1000;
#if PQXX_VERSION_MAJOR >= 7
        connection_->await_notification(seconds, static_cast<long>(micros));
#else
        connection_->await_notification(static_cast<long>(seconds), static_cast<long>(micros));
#endif
        return sink_ ? sink_->payload : std::nullopt;
    });
}

std::string to_bytea(std::string_view bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(2 + bytes.size() * 2);
    out = "\\x";
    for (const char c : bytes) {
        out += digits[static_cast<unsigned char>(c) >> 4];
        out += digits[static_cast<unsigned char>(c) & 15];
    }
    return out;
}

namespace {

std::string from_hexadecimal(std::string_view digits) {
    const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string out;
    out.reserve(digits.size() / 2);
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        out += static_cast<char>(value(digits[i]) << 4 | value(digits[i + 1]));
    return out;
}

}  // namespace

std::string from_bytea(std::string_view text) {
    if (text.starts_with("\\x")) return from_hexadecimal(text.substr(2));
    std::string out;
    out.reserve(text.size());
    // A backslash stands before another one or before three octal digits.
    for (auto at = text.find('\\'); at != std::string_view::npos; at = text.find('\\')) {
        out += text.substr(0, at);
        const bool octal = text.size() >= at + 4 && text[at + 1] != '\\';
        if (octal)
            out += static_cast<char>(
                (text[at + 1] - '0') << 6 | (text[at + 2] - '0') << 3 | (text[at + 3] - '0')
            );
        else
            out += '\\';
        text.remove_prefix(std::min(text.size(), at + (octal ? 4 : 2)));
    }
    return out += text;
}

void array_literal::separate() {
    if (text_.size() > 1) text_ += ',';
}

void array_literal::add(std::string_view element) {
    separate();
    text_ += '"';
    const auto write = [this](char c) {
        text_ += '\\';
        text_ += c;
    };
    append_escaped(
        text_, element, [](char c) { return c == '"' || c == '\\'; }, write
    );
    text_ += '"';
}

void array_literal::add(const parameter& element) {
    if (element) {
        add(std::string_view{*element});
        return;
    }
    separate();
    text_ += "NULL";
}

std::string array_literal::take() {
    text_ += '}';
    return std::move(text_);
}

void text_sequence::add(std::string_view text) {
    if (std::exchange(begun_, true)) text_ += '\x1e';
    text_ += text;
}

std::string array_of(const std::vector<std::string>& values) {
    array_literal list;
    for (const auto& v : values)
        list.add(std::string_view{v});
    return list.take();
}

std::string array_of(const std::vector<std::int64_t>& values) {
    array_literal list;
    for (const auto v : values)
        list.add(std::string_view{std::to_string(v)});
    return list.take();
}

std::string array_of(const std::vector<uuid>& values) {
    array_literal list;
    for (const auto& v : values)
        list.add(std::string_view{to_string(v)});
    return list.take();
}

std::vector<std::string> texts_of(const pqxx::field& field) {
    std::vector<std::string> out;
    const std::string_view text{field.c_str(), field.size()};
    bool quoted = false;
    // `{a,"b, c","d\"e"}`: an element begins after the brace and after each comma outside of quotes.
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        const char c = text[i];
        if (i == 0 || (c == ',' && !quoted)) {
            if (text != "{}") out.emplace_back();
        } else if (c == '"') {
            quoted = !quoted;
        } else {
            out.back() += c == '\\' ? text[++i] : c;
        }
    }
    return out;
}

std::vector<std::int64_t> integers_of(const pqxx::field& field) {
    std::vector<std::int64_t> out;
    for (const auto& text : texts_of(field))
        out.push_back(parse_integer<std::int64_t>(text).value());
    return out;
}

parameter text_of(const std::optional<utc_time>& at) {
    return at ? parameter{to_rfc3339(*at)} : parameter{};
}

parameter text_of(const std::optional<uuid>& id) {
    return id ? parameter{to_string(*id)} : parameter{};
}

utc_time time_of(const pqxx::field& field) {
    // ISO with UTC: "2026-11-21 07:41:02.123456+00"
    std::string text = field.c_str();
    if (text == "-infinity") return utc_time::min();
    if (text.size() > 10) text[10] = 'T';
    if (text.ends_with("+00")) text += ":00";
    const auto at = parse_rfc3339(text);
    if (!at) throw failure{{errc::mismatch, "the database answered with an unexpected time", ""}, ""};
    return *at;
}

uuid uuid_of(const pqxx::field& field) {
    const auto id = parse_uuid(field.c_str());
    if (!id) throw failure{{errc::mismatch, "the database answered with an unexpected UUID", ""}, ""};
    return *id;
}

}  // namespace callhook::store
