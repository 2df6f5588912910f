#pragma once

#include "spool/local_store.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <optional>
#include <sqlite3.h>
#include <thread>
#include <unistd.h>

namespace callhook::spool {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

inline lifecycle::delivery sample(std::uint32_t number, std::string body = "{}") {
    lifecycle::delivery d;
    d.id.bytes = {1, 2, 3, 4, 5, 6, 0x70, 0, 0x80};
    for (int i = 0; i < 4; ++i)
        d.id.bytes[static_cast<std::size_t>(15 - i)] = static_cast<std::uint8_t>(number >> (8 * i));
    d.source = "main";
    d.received_at = utc_time{std::chrono::microseconds{1'700'000'000'000'000 + number}};
    d.remote_address = "192.0.2.7";
    d.content_type = "application/json";
    d.body = std::move(body);
    return d;
}

/// A spool in a directory of its own.
class spool_test : public testing::Test {
protected:
    spool_test() {
        std::string name = (fs::temp_directory_path() / "callhook-spool-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no directory for the test"};
        directory = name;
        how.directory = (directory / "spool").string();
        how.keep_free = 0;
    }
    ~spool_test() override {
        close();
        std::error_code ignored;
        fs::remove_all(directory, ignored);
    }

    void begin() { box.emplace(how, metrics); }
    void open() {
        begin();
        ASSERT_TRUE(comes_true([this] { return box->usable(); })) << box->trouble();
    }
    void close() {
        if (box) box->stop();
        box.reset();
    }

    template <class Condition>
    static bool comes_true(Condition condition) {
        for (const auto give_up = steady::now() + 30s; !condition();) {
            if (steady::now() > give_up) return false;
            std::this_thread::sleep_for(2ms);
        }
        return true;
    }

    /// Begins to append; its outcome is in `outcomes` once it is there.
    std::size_t start(lifecycle::delivery d, steady::duration patience = 30s) {
        outcomes.emplace_back();
        auto what = std::make_shared<const lifecycle::delivery>(std::move(d));
        asio::co_spawn(
            loop, append(std::move(what), steady::now() + patience, outcomes.back()), asio::detached
        );
        loop.restart();
        loop.poll();
        return outcomes.size() - 1;
    }
    asio::awaitable<void> append(
        std::shared_ptr<const lifecycle::delivery> d,
        steady::time_point deadline,
        std::optional<result<void>>& into
    ) {
        into = co_await box->append(d, deadline);
    }
    void finish() {
        for (auto& outcome : outcomes) {
            for (const auto give_up = steady::now() + 60s; !outcome && steady::now() < give_up;) {
                loop.restart();
                loop.run_one_for(1s);
            }
            ASSERT_TRUE(outcome) << "an append never ended";
        }
    }
    result<void> keep(lifecycle::delivery d, steady::duration patience = 30s) {
        const auto n = start(std::move(d), patience);
        finish();
        return outcomes[n].value_or(error{errc::cancelled, "no outcome", ""});
    }
    void keep_some(std::uint32_t first, std::uint32_t count, const std::string& body = "{}") {
        for (auto n = first; n < first + count; ++n)
            start(sample(n, body));
        finish();
        for (const auto& outcome : outcomes)
            ASSERT_TRUE(outcome->has_value()) << outcome->error().detail;
        outcomes.clear();
    }

    std::vector<spooled> all() {
        auto read = box->oldest(1'000'000, std::size_t{1} << 30);
        EXPECT_TRUE(read.has_value());
        return read ? std::move(*read) : std::vector<spooled>{};
    }
    std::vector<std::uint32_t> numbers() {
        std::vector<std::uint32_t> out;
        for (const auto& one : all()) {
            const auto& b = one.what.id.bytes;
            out.push_back(static_cast<std::uint32_t>((b[12] << 24) | (b[13] << 16) | (b[14] << 8) | b[15]));
        }
        std::sort(out.begin(), out.end());
        return out;
    }

    [[nodiscard]] fs::path file() const { return fs::path{how.directory} / "spool.db"; }

    /// Runs SQL on the file, beside whoever has it open.
    void sql(const std::string& text) const {
        sqlite3* db = nullptr;
        ASSERT_EQ(sqlite3_open(file().c_str(), &db), SQLITE_OK);
        char* said = nullptr;
        const int code = sqlite3_exec(db, text.c_str(), nullptr, nullptr, &said);
        EXPECT_EQ(code, SQLITE_OK) << (said ? said : "");
        sqlite3_free(said);
        sqlite3_close(db);
    }

    fs::path directory;
    settings how;
    metrics_registry metrics;
    asio::io_context loop;
    std::optional<local_store> box;
    /// A deque: the coroutines refer to its elements.
    std::deque<std::optional<result<void>>> outcomes;
};

}  // namespace callhook::spool
