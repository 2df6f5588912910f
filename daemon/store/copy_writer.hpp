#pragma once

// Private to store/: rows on their way to PostgreSQL by COPY.

#include "store/session.hpp"

#include <cstdint>
#include <memory>

namespace callhook::store {

/// A value for a bytea column.
struct bytes {
    std::string_view value;
};

/// Writes rows by COPY, which begins with the first; `complete` must be called, without it nothing is
/// written. From the first row to `complete` the connection is of no other use. The values of a row are put
/// one after the other into one text that keeps its room from row to row, since this is where each webhook
/// passes.
class copy_writer {
public:
    /// `columns` is a comma-separated list.
    copy_writer(pqxx::transaction_base& tx, const char* table, const char* columns);

    /// One value a column: text, a number, an id, a time or `bytes`; each also as an optional, which is NULL
    /// where it is empty.
    template <class... Values>
    void row(const Values&... values) {
        begin_row();
        (add(values), ...);
        end_row();
    }
    void complete();

private:
    pqxx::stream_to& stream();
    void begin_row();
    void end_row();

    template <class Value>
    void add(const std::optional<Value>& value) {
        if (value)
            add(*value);
        else
            add_null();
    }
    void add(std::string_view text);
    void add(std::int64_t number);
    void add(const uuid& id);
    void add(utc_time at);
    void add(const bytes& value);
    void add_null();

    pqxx::transaction_base& tx_;
    const char* table_;
    const char* columns_;
    std::unique_ptr<pqxx::stream_to> stream_;
    std::string text_;
#if PQXX_VERSION_MAJOR >= 7
    struct field {
        std::size_t begin;
        std::size_t end;
        bool null;
    };
    std::vector<field> fields_;
    std::vector<std::optional<std::string_view>> views_;
#endif
};

/// NULL for a text that is empty where nothing was said.
inline std::optional<std::string_view> unless_empty(std::string_view text) {
    return text.empty() ? std::nullopt : std::optional{text};
}

/// bytea's text form: its `escape` format where that is shorter, as it is for JSON, else hexadecimal.
void append_bytea(std::string& out, std::string_view bytes);

}  // namespace callhook::store
