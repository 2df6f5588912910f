// PostgreSQL: libpq, below libpqxx.
#include "shim.hpp"

#include <cctype>
#include <cstdio>
#include <cstring>
#include <sys/socket.h>

using namespace shim;

struct pg_conn;
struct pg_result;

extern "C" {

pg_result* PQexec(pg_conn* connection, const char* query);
pg_result* PQexecPrepared(pg_conn*, const char*, int, const char* const*, const int*, const int*, int);
pg_result* PQprepare(pg_conn*, const char*, const char*, int, const unsigned*);
pg_conn* PQconnectdb(const char*);
int PQputCopyData(pg_conn*, const char*, int);
int PQputCopyEnd(pg_conn*, const char*);
int PQconsumeInput(pg_conn*);
const char* PQparameterStatus(const pg_conn*, const char*) __attribute__((weak));
int PQsocket(const pg_conn*) __attribute__((weak));
void PQclear(pg_result*) __attribute__((weak));
}

namespace {

/// What the session is for, after `callhook-` in its application_name; labels its socket on the way.
const char* role(pg_conn* connection) {
    if (!active() || inside || connection == nullptr) return nullptr;
    const inside_scope own;
    const char* name = PQparameterStatus(connection, "application_name");
    if (name == nullptr || strncmp(name, "callhook-", 9) != 0) return nullptr;
    const char* label = interned(name + 9);
    set_label(PQsocket(connection), label);
    return label;
}

void shut(pg_conn* connection) {
    shutdown(PQsocket(connection), SHUT_RDWR);
}

/// The server's own refusal, with any transaction failed by it.
pg_result* refused(pg_conn* connection, const char* state, bool ends) {
    REAL(PQexec);
    if (ends) PQclear(real(connection, "ROLLBACK"));
    char text[160];
    snprintf(
        text, sizeof text, "DO $$ BEGIN RAISE EXCEPTION 'made to fail' USING ERRCODE = '%s'; END $$", state
    );
    return real(connection, text);
}

template <class Run>
pg_result* statement(pg_conn* connection, const char* name, Run run) {
    order what;
    if (!due(role(connection), name, what)) return run();
    const inside_scope own;
    REAL(PQexec);
    switch (what.how) {
        case refuse:
            return refused(connection, what.state, strcmp(name, "COMMIT") == 0);
        case lose:
            PQclear(run());
            shut(connection);
            return real(connection, "SELECT 1");
        default:
            shut(connection);
            return run();
    }
}

/// The first two words, which name what has no name: `COPY deliveries`, `SET search_path`.
void words_of(const char* query, char (&out)[name_bytes]) {
    std::size_t used = 0;
    int words = 1;
    for (const char* at = query; *at != 0 && used + 1 < 40; ++at) {
        const bool letter = isalnum(static_cast<unsigned char>(*at)) || *at == '_';
        if (letter) {
            out[used++] = *at;
        } else if (*at == ' ' && used > 0 && words == 1) {
            out[used++] = ' ';
            ++words;
        } else if (*at != '"' && used > 0) {
            break;
        }
    }
    while (used > 0 && out[used - 1] == ' ')
        --used;
    out[used] = 0;
}

}  // namespace

extern "C" {

pg_result* PQexec(pg_conn* connection, const char* query) {
    REAL(PQexec);
    if (inside) return real(connection, query);
    char name[name_bytes];
    words_of(query, name);
    return statement(connection, name, [&] { return real(connection, query); });
}

pg_result* PQexecPrepared(
    pg_conn* connection,
    const char* name,
    int count,
    const char* const* values,
    const int* lengths,
    const int* formats,
    int format
) {
    REAL(PQexecPrepared);
    return statement(connection, name, [&] {
        return real(connection, name, count, values, lengths, formats, format);
    });
}

pg_result* PQprepare(
    pg_conn* connection, const char* name, const char* query, int count, const unsigned* types
) {
    REAL(PQprepare);
    char what[name_bytes];
    snprintf(what, sizeof what, "prepare %s", name);
    return statement(connection, what, [&] { return real(connection, name, query, count, types); });
}

pg_conn* PQconnectdb(const char* where) {
    REAL(PQconnectdb);
    char name[name_bytes] = "unknown";
    if (const char* at = strstr(where, "application_name=callhook-"); at != nullptr) {
        at += strlen("application_name=");
        const std::size_t length = strspn(at + 9, "abcdefghijklmnopqrstuvwxyz-_");
        snprintf(name, sizeof name, "%.*s", static_cast<int>(length), at + 9);
    }
    order what;
    if (!due(name, "connect", what)) return real(where);
    const inside_scope own;
    return real("host=127.0.0.1 port=1 connect_timeout=2");
}

int PQputCopyData(pg_conn* connection, const char* bytes, int count) {
    REAL(PQputCopyData);
    order what;
    if (due(role(connection), "copy row", what)) {
        if (what.how == refuse) return -1;
        shut(connection);
    }
    return real(connection, bytes, count);
}

int PQputCopyEnd(pg_conn* connection, const char* error) {
    REAL(PQputCopyEnd);
    order what;
    if (!due(role(connection), "copy end", what)) return real(connection, error);
    if (what.how == refuse) return real(connection, "made to fail");
    if (what.how == lose) {
        const int answer = real(connection, error);
        shut(connection);
        return answer;
    }
    shut(connection);
    return real(connection, error);
}

int PQconsumeInput(pg_conn* connection) {
    REAL(PQconsumeInput);
    order what;
    if (due(role(connection), "consume", what)) shut(connection);
    return real(connection);
}

}  // extern "C"
