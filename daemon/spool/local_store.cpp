#include "spool/local_store.hpp"

#include "base/log.hpp"
#include "spool/directory.hpp"
#include "spool/file.hpp"
#include "spool/meters.hpp"
#include "spool/salvage.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

namespace callhook::spool {

namespace {

using clock = std::chrono::steady_clock;
using writer = async::group_writer<lifecycle::delivery>;

/// How often to look after the file while nothing is written.
constexpr auto look_interval = std::chrono::milliseconds{500};

/// A disk that has not answered for so long will hardly answer in time for those who wait.
constexpr auto stuck_after = std::chrono::seconds{3};

constexpr auto complain_every = std::chrono::seconds{60};

/// What a row takes beside its texts, generously.
constexpr std::uint64_t row_overhead = 256;

std::uint64_t room_for(const writer::group& taken) {
    std::uint64_t bytes = 0;
    for (const auto& d : taken)
        bytes += d->body.size() + d->content_type.size() + row_overhead;
    return bytes;
}

error cannot_keep(errc code, std::string why) {
    return {code, "the event could not be stored", std::move(why)};
}

std::string in_words(const error& e) {
    return e.detail.empty() ? e.message : e.message + ": " + e.detail;
}

}  // namespace

struct local_store::impl {
    impl(const settings& how, metrics_registry& metrics)
        : how{how},
          shown{metrics},
          room_bytes{metrics.gauge(
              "callhook_spool_room_bytes",
              "How much more the spool can take: what max_bytes and keep_free leave it, whichever is less."
          )},
          groups{how.bounds, work(), look_interval} {}

    const settings how;

    // Guarded by the mutex: whoever works with the file, the writer or what empties it.
    std::mutex mutex;
    std::optional<owned_directory> directory;
    std::optional<file> open_file;
    clock::time_point quiet_until = clock::time_point::min();

    /// Why the file cannot be used; empty where it can. Under a mutex of its own, which nobody holds for
    /// long.
    mutable std::mutex problem_mutex;
    std::string problem = "the spool is being opened";

    // Of the last look, for any thread.
    std::atomic<bool> opened{false};
    std::atomic<bool> room{false};
    std::atomic<std::size_t> waiting{0};
    std::atomic<std::size_t> damaged{0};
    std::atomic<std::size_t> corrupt{0};

    const meters shown;
    const metric_gauge room_bytes;

    writer groups;  // last: its thread uses the others

    writer::work work();
    result<void> write(const writer::group& taken);
    void look_after();

    // With the mutex held.
    template <class Work>
    auto with_file(Work work) -> result<std::invoke_result_t<Work, file&>>;
    void open();
    void give_up(const std::string& why);
    bool say(const std::string& trouble);
    [[nodiscard]] std::string said() const;
    void complain(const error& why);
    void replace_corrupt();
    std::string no_room_for(std::uint64_t more);
    void observe();
    void report_damaged(const std::vector<uuid>& ids, const std::string& reason) const;
};

writer::work local_store::impl::work() {
    return {
        [](const lifecycle::delivery& d) { return d.body.size(); },
        [this](const writer::group& taken) { return write(taken); },
        [](const writer::group&, const result<void>&) {},
        [this] { look_after(); },
        cannot_keep(errc::overloaded, "the spool's queue is full"),
        cannot_keep(errc::timed_out, "the spool's commit did not end in time")};
}

/// Does something with the file. One that turns out corrupt is replaced, and the work done with the new one.
template <class Work>
auto local_store::impl::with_file(Work work) -> result<std::invoke_result_t<Work, file&>> {
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (!open_file) return cannot_keep(errc::unavailable, said());
        try {
            if constexpr (std::is_void_v<std::invoke_result_t<Work, file&>>) {
                work(*open_file);
                observe();
                return {boost::system::in_place_value};
            } else {
                auto out = work(*open_file);
                observe();
                return out;
            }
        } catch (const sqlite_failure& e) {
            const bool full = e.code() == SQLITE_FULL;
            if (!e.means_corrupt()) return cannot_keep(full ? errc::overloaded : errc::unavailable, e.what());
            replace_corrupt();
        } catch (const std::exception&) {
            // Breakage, lack of memory for one: this work is refused, the daemon goes on.
            return cannot_keep(errc::unavailable, "the spool broke");
        }
    }
    return cannot_keep(errc::unavailable, "the spool's file is corrupt again");
}

result<void> local_store::impl::write(const writer::group& taken) {
    const auto started = clock::now();
    const std::lock_guard lock{mutex};
    if (!open_file) open();
    const auto stored = [&]() -> result<void> {
        if (!open_file) return cannot_keep(errc::unavailable, said());
        if (auto why = no_room_for(room_for(taken)); !why.empty())
            return cannot_keep(errc::overloaded, std::move(why));
        return with_file([&](file& f) { f.append(taken); });
    }();
    shown.commit_duration.observe(std::chrono::duration<double>(clock::now() - started).count());
    if (stored)
        shown.spooled_total.add(static_cast<double>(taken.size()));
    else
        complain(stored.error());
    return stored;
}

/// Events are lost where the sender does not come again, so it is said, but not for each of them.
void local_store::impl::complain(const error& why) {
    if (clock::now() < quiet_until) return;
    quiet_until = clock::now() + complain_every;
    log::error("the spool could not store events", {{"reason", why.detail}});
}

/// Opens what could not be opened before, and gives back what the disk can have.
void local_store::impl::look_after() {
    const std::lock_guard lock{mutex};
    if (!open_file) {
        open();
        return;
    }
    (void)with_file([](file& f) {
        if (f.counted().deliveries == 0 && f.shrinkable()) f.shrink();
    });
    if (directory) directory->hold_reserve(how.keep_free);
}

void local_store::impl::open() {
    if (!directory) {
        auto taken = owned_directory::take(how.directory);
        if (!taken) return give_up(in_words(taken.error()));
        directory.emplace(std::move(*taken));
    }
    try {
        open_file.emplace(directory->file(), file::how::own);
        directory->flush();
    } catch (const foreign_file& e) {
        return give_up(e.what());
    } catch (const sqlite_failure& e) {
        if (!e.means_corrupt()) return give_up(std::string{"the spool's file cannot be opened: "} + e.what());
        replace_corrupt();
        if (!open_file) return;
    }
    say("");
    opened = true;
    directory->hold_reserve(how.keep_free);
    (void)with_file([](file& f) { f.counted(); });
    log::info("the spool is open", {{"deliveries", waiting.load()}});
}

void local_store::impl::give_up(const std::string& why) {
    open_file.reset();
    opened = false;
    room_bytes.set(0);
    if (say(why)) log::error("the spool cannot be used", {{"reason", why}});
}

/// Whether that is news.
bool local_store::impl::say(const std::string& trouble) {
    const std::lock_guard lock{problem_mutex};
    return std::exchange(problem, trouble) != trouble;
}

std::string local_store::impl::said() const {
    const std::lock_guard lock{problem_mutex};
    return problem;
}

/// A file that cannot be trusted is kept for people to look at, and what it still tells goes into a new one.
void local_store::impl::replace_corrupt() {
    open_file.reset();
    opened = false;
    shown.corrupt_total.add();
    const auto aside = directory->quarantine(system_clock_source{}.now());
    if (aside.empty()) return give_up("the spool's file is corrupt and cannot be renamed");
    const auto name = aside.substr(aside.rfind('/') + 1);
    log::error("the spool's file is corrupt and was set aside", {{"file", name}});
    try {
        open_file.emplace(directory->file(), file::how::own);
        const auto found = salvage(aside, *open_file);
        shown.damaged_total.add(static_cast<double>(found.damaged));
        log::warn(
            "read what could be read of the corrupt spool file",
            {{"file", name},
             {"deliveries", found.rescued},
             {"damaged", found.damaged},
             {"whole", found.whole}}
        );
        say("");
        opened = true;
    } catch (const sqlite_failure& e) {
        // Whatever is missing now is in the file that was set aside.
        give_up(std::string{"the spool's file was corrupt, and a new one cannot be written: "} + e.what());
    }
}

std::string local_store::impl::no_room_for(std::uint64_t more) {
    try {
        if (open_file->used_bytes() + more > how.max_bytes) return "the spool is full";
    } catch (const sqlite_failure&) {
        // Writing will tell.
    }
    if (directory->free_bytes() < how.keep_free + more) return "the disk of the spool is nearly full";
    return {};
}

void local_store::impl::observe() {
    const auto now = open_file->counted();
    waiting = now.deliveries;
    damaged = now.damaged;
    corrupt = spool::corrupt_files(how.directory).size();
    shown.deliveries.set(static_cast<double>(now.deliveries));
    const auto used = open_file->used_bytes();
    shown.bytes.set(static_cast<double>(used));
    const auto free = directory->free_bytes();
    room_bytes.set(static_cast<double>(
        std::min(how.max_bytes - std::min(how.max_bytes, used), free - std::min(free, how.keep_free))
    ));
    const auto first = open_file->oldest_arrival();
    shown.oldest.set(first ? static_cast<double>(first->time_since_epoch().count()) / 1e6 : 0.0);
    room = no_room_for(row_overhead).empty();
}

void local_store::impl::report_damaged(const std::vector<uuid>& ids, const std::string& reason) const {
    shown.damaged_total.add(static_cast<double>(ids.size()));
    for (const auto& id : ids)
        log::error(
            "a delivery in the spool was set aside", {{"delivery", to_string(id)}, {"reason", reason}}
        );
}

local_store::local_store(const settings& how, metrics_registry& metrics)
    : impl_{std::make_unique<impl>(how, metrics)} {}

local_store::~local_store() {
    stop();
}

boost::asio::awaitable<result<void>> local_store::append(
    std::shared_ptr<const lifecycle::delivery> d, clock::time_point deadline
) {
    return impl_->groups.append(std::move(d), deadline);
}

bool local_store::usable() const noexcept {
    const bool stuck = impl_->groups.busy_for().value_or(clock::duration::zero()) > stuck_after;
    return impl_->opened && impl_->room && !stuck;
}

std::string local_store::trouble() const {
    if (usable()) return {};
    if (!impl_->opened) return impl_->said();
    return impl_->room ? "the spool's disk does not answer" : "the spool is full, or its disk nearly is";
}

std::size_t local_store::waiting() const noexcept {
    return impl_->waiting;
}
std::size_t local_store::damaged() const noexcept {
    return impl_->damaged;
}
std::size_t local_store::corrupt_files() const noexcept {
    return impl_->corrupt;
}

result<std::vector<spooled>> local_store::oldest(std::size_t most, std::size_t most_bytes) {
    auto& self = *impl_;
    const std::lock_guard lock{self.mutex};
    auto read = self.with_file([&](file& f) { return f.oldest(most, most_bytes); });
    if (!read) return read.error();
    if (!read->damaged.empty()) self.report_damaged(read->damaged, std::string{changed_since_it_came});
    return std::move(read->good);
}

result<void> local_store::remove(const std::vector<place>& places) {
    const std::lock_guard lock{impl_->mutex};
    auto done = impl_->with_file([&](file& f) { f.remove(places); });
    if (done || done.error().code != errc::overloaded || !impl_->directory->release_reserve()) return done;
    // One by one, so that each gives its room to the next.
    return impl_->with_file([&](file& f) {
        for (const auto& one : places)
            f.remove({one});
    });
}

result<void> local_store::set_aside(const place& one, const std::string& reason) {
    const std::lock_guard lock{impl_->mutex};
    auto done = impl_->with_file([&](file& f) { f.set_aside(one, reason); });
    if (done) impl_->report_damaged({one.id}, reason);
    return done;
}

void local_store::stop() {
    impl_->groups.stop();
    const std::lock_guard lock{impl_->mutex};
    impl_->open_file.reset();
    impl_->directory.reset();
    impl_->opened = false;
    impl_->say("the spool is closed");
}

}  // namespace callhook::spool
