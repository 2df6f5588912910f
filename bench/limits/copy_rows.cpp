// PostgreSQL alone: rows of `deliveries` as callhook writes them, made beforehand, by COPY in batches, each a
// transaction of its own. Usage: copy_rows CONNINFO FORM BATCH CONNECTIONS SECONDS ROWS Ends when the time is
// over or all rows are written.

#include "binary_rows.hpp"
#include "bodies.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <libpq-fe.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using callhook::bench::binary_rows;
using callhook::bench::body_form;
using clock_type = std::chrono::steady_clock;

using connection = std::unique_ptr<PGconn, decltype([](PGconn* c) { PQfinish(c); })>;
using answer = std::unique_ptr<PGresult, decltype([](PGresult* r) { PQclear(r); })>;

struct wanted {
    std::string where;
    std::string form;
    std::size_t batch = 1;
    std::size_t connections = 1;
    double seconds = 1;
    std::size_t rows = 1;
};

struct batch {
    std::size_t rows = 0;
    std::string copy;
};

/// Batches of rows whose ids rise, as those of one daemon do.
std::vector<batch> make_batches(const wanted& how) {
    using namespace std::chrono;
    const body_form form{how.form};
    const auto at = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
    std::vector<batch> out;
    for (std::size_t number = 0; number < how.rows; number += how.batch) {
        binary_rows rows;
        const auto first = callhook::bench::make_uuid(at / 1000, number);
        const auto beyond = std::min(number + how.batch, how.rows);
        for (auto one = number; one < beyond; ++one) {
            rows.row(9);
            rows.uuid(callhook::bench::make_uuid(at / 1000, one));
            rows.uuid(first);
            rows.bytes("demo");
            rows.bytes("webhook");
            rows.moment(at + static_cast<std::int64_t>(one));
            rows.loopback();
            rows.bytes("application/json");
            rows.bytes(form.of(static_cast<std::int64_t>(one + 1)));
            rows.null();
        }
        rows.end();
        out.push_back({beyond - number, rows.text()});
    }
    return out;
}

[[noreturn]] void fail(PGconn* db) {
    throw std::runtime_error{PQerrorMessage(db)};
}

connection connect(const std::string& where) {
    connection db{PQconnectdb(where.c_str())};
    if (PQstatus(db.get()) != CONNECTION_OK) fail(db.get());
    return db;
}

void copy(PGconn* db, const batch& rows) {
    const answer begun{PQexec(
        db,
        "COPY callhook.deliveries (id, batch, source, origin, received_at, remote_addr, "
        "content_type, body, traceparent) FROM STDIN (FORMAT binary)"
    )};
    if (PQresultStatus(begun.get()) != PGRES_COPY_IN) fail(db);
    if (PQputCopyData(db, rows.copy.data(), static_cast<int>(rows.copy.size())) != 1) fail(db);
    if (PQputCopyEnd(db, nullptr) != 1) fail(db);
    while (const answer done{PQgetResult(db)}) {
        if (PQresultStatus(done.get()) != PGRES_COMMAND_OK) fail(db);
    }
}

struct progress {
    std::atomic<std::size_t> next{0};
    std::atomic<std::size_t> written{0};
};

void write(const wanted& how, const std::vector<batch>& batches, clock_type::time_point end, progress& all) {
    try {
        const auto db = connect(how.where);
        for (;;) {
            const auto at = all.next++;
            if (at >= batches.size() || clock_type::now() >= end) return;
            copy(db.get(), batches[at]);
            all.written += batches[at].rows;
        }
    } catch (const std::exception& e) {
        std::fprintf(stderr, "copy_rows: %s\n", e.what());
        std::_Exit(EXIT_FAILURE);
    }
}

int measure(const wanted& how) {
    const auto batches = make_batches(how);
    progress all;
    const auto begun = clock_type::now();
    const auto end =
        begun + std::chrono::duration_cast<clock_type::duration>(std::chrono::duration<double>{how.seconds});
    std::vector<std::jthread> writers;
    for (std::size_t n = 0; n < how.connections; ++n)
        writers.emplace_back([&] { write(how, batches, end, all); });
    writers.clear();
    const auto lasted = std::chrono::duration<double>(clock_type::now() - begun).count();
    std::printf("{\"rows\":%zu,\"seconds\":%.6f}\n", all.written.load(), lasted);
    return EXIT_SUCCESS;
}

std::size_t number(const char* text) {
    return std::max<std::size_t>(std::strtoull(text, nullptr, 10), 1);
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 7) {
        std::fprintf(stderr, "usage: copy_rows CONNINFO FORM BATCH CONNECTIONS SECONDS ROWS\n");
        return 64;
    }
    try {
        return measure(
            {arguments[1],
             arguments[2],
             number(arguments[3]),
             number(arguments[4]),
             std::strtod(arguments[5], nullptr),
             number(arguments[6])}
        );
    } catch (const std::exception& e) {
        std::fprintf(stderr, "copy_rows: %s\n", e.what());
        return EXIT_FAILURE;
    }
}
