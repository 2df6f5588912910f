#pragma once

// Private to store/: the one place that knows libpqxx, and that hides the difference between 6.4 (Debian 12)
// and 7.10 (Debian 13).

#include "base/uuid.hpp"
#include "store/answer_watch.hpp"
#include "store/failure.hpp"
#include "store/settings.hpp"

#include <pqxx/pqxx>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace callhook::store {

/// An SQL statement with a name, which the log, metrics and tests share.
struct statement {
    const char* name;
    const char* sql;
};

/// A parameter as PostgreSQL's text form; empty is NULL.
using parameter = std::optional<std::string>;

/// What both versions of libpqxx take for a text that may be NULL.
inline const char* c_text(const parameter& value) {
    return value ? value->c_str() : nullptr;
}
inline const char* c_text(const std::string& value) {
    return value.c_str();
}
inline const char* c_text(const char* value) {
    return value;
}

/// One connection, for one thread. Connects on first use; after `failure` with a broken connection it
/// connects again on the next. Every session pins what durability and correctness rest on: synchronous_commit
/// on, READ COMMITTED, search_path. Where the server owes an answer for longer than two statements may take,
/// the connection is given up.
class session {
public:
    /// `role` tells what it is for, as application_name shows it.
    session(const settings& where, std::string role);
    ~session();
    session(const session&) = delete;
    session& operator=(const session&) = delete;

    /// Runs after every connect, before anything else, outside a transaction.
    void on_connect(std::function<void(session&)> hook) { on_connect_ = std::move(hook); }

    /// Connects where there is no connection. Throws `failure`.
    void connect();
    void disconnect() noexcept;
    [[nodiscard]] bool connected() const noexcept;

    /// Runs `work` in a transaction and commits it; rolls back on any exception. All exceptions of libpqxx
    /// come out as `failure`; one whose commit is in doubt as `unavailable`.
    template <class Work>
    auto transact(const char* name, Work&& work) {
        return guarded(name, [&] {
            connect();
            pqxx::work tx{*connection_};
            if constexpr (std::is_void_v<decltype(work(tx))>) {
                work(tx);
                tx.commit();
            } else {
                auto out = work(tx);
                tx.commit();
                return out;
            }
        });
    }

    /// Runs `work` without a transaction: each statement stands alone.
    template <class Work>
    auto run(const char* name, Work&& work) {
        return guarded(name, [&] {
            connect();
            pqxx::nontransaction tx{*connection_};
            return work(tx);
        });
    }

    /// Executes a prepared statement; prepares it at its first use on this connection.
    template <class... Arguments>
    pqxx::result exec(pqxx::transaction_base& tx, const statement& what, const Arguments&... arguments) {
        prepare(what);
        last_statement_ = what.name;
        expect_answer();
#if PQXX_VERSION_MAJOR >= 7
        return tx.exec(pqxx::prepped{what.name}, pqxx::params{c_text(arguments)...});
#else
        return tx.exec_prepared(what.name, c_text(arguments)...);
#endif
    }

    /// Waits until a notification arrives on a channel that `listen` named, at most `longest`; the payload of
    /// the last that came. Without `listen` it waits for as long and none comes.
    std::optional<std::string> await_notification(std::chrono::milliseconds longest);
    void listen(const char* channel);

    [[nodiscard]] pqxx::connection& raw() {
        return *connection_;
    }

    /// Calls `work` and turns libpqxx's exceptions into `failure`, closing the connection where it is broken.
    template <class Work>
    auto guarded(const char* name, Work&& work) -> decltype(work()) {
        last_statement_ = name;
        const exchange watched{*this};
        try {
            return work();
        } catch (const failure&) {
            throw;
        } catch (...) {
            translate();
        }
    }

private:
    /// While one exists the server may owe an answer; they nest.
    class exchange {
    public:
        explicit exchange(session& owner) : owner_{owner} {
            ++owner_.exchanges_;
            owner_.expect_answer();
        }
        ~exchange() {
            if (--owner_.exchanges_ == 0) owner_.watch_.enough();
        }
        exchange(const exchange&) = delete;
        exchange& operator=(const exchange&) = delete;

    private:
        session& owner_;
    };

    /// From now on, anew with each statement of `exec`.
    void expect_answer();
    void set_up();
    void prepare(const statement& what);
    [[noreturn]] void translate();

    settings where_;
    std::string role_;
    std::function<void(session&)> on_connect_;
    std::unique_ptr<pqxx::connection> connection_;
    std::unordered_set<std::string_view> prepared_;
    std::unique_ptr<struct notification_sink> sink_;
    const char* last_statement_ = "";
    int exchanges_ = 0;
    answer_watch watch_;
};

/// bytea's hexadecimal form, for a parameter.
std::string to_bytea(std::string_view bytes);
/// Reads both of bytea's forms; `session` asks for `escape`, which leaves JSON as it is.
std::string from_bytea(std::string_view text);

/// A PostgreSQL array literal of already textual elements; each is quoted.
class array_literal {
public:
    void add(std::string_view element);
    void add(const parameter& element);
    [[nodiscard]] std::string take();

private:
    void separate();
    std::string text_ = "{";
};

/// JSON texts as one parameter, for `string_to_array($1, E'\\x1e')`: no JSON text holds a control character,
/// so nothing need be quoted, nor looked at one by one on the other side, as a literal's long elements are.
class text_sequence {
public:
    void add(std::string_view text);
    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    bool begun_ = false;
    std::string text_;
};

std::string array_of(const std::vector<std::string>& values);
std::string array_of(const std::vector<std::int64_t>& values);
std::string array_of(const std::vector<uuid>& values);

/// The elements of an array column that holds no NULL: `text[]` and `bigint[]`.
std::vector<std::string> texts_of(const pqxx::field& field);
std::vector<std::int64_t> integers_of(const pqxx::field& field);

inline parameter text_of(const std::optional<std::int64_t>& value) {
    return value ? parameter{std::to_string(*value)} : parameter{};
}
parameter text_of(const std::optional<utc_time>& at);
parameter text_of(const std::optional<uuid>& id);

/// A column's value as an optional; for text, integer and bigint.
template <class T>
std::optional<T> optional_of(const pqxx::field& field) {
    if (field.is_null()) return {};
    return field.as<T>();
}

/// A timestamptz column, selected with `session`'s fixed DateStyle and UTC.
utc_time time_of(const pqxx::field& field);
uuid uuid_of(const pqxx::field& field);

}  // namespace callhook::store
