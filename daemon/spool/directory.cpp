#include "spool/directory.hpp"

#include "base/time_text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utility>

namespace callhook::spool {

namespace fs = std::filesystem;

namespace {

constexpr const char* reserve_name = "spool.reserve";
constexpr std::int64_t reserve_bytes = 4 << 20;

constexpr std::string_view corrupt_mark = ".corrupt-";

error unusable(const char* what, int code) {
    return {errc::unavailable, std::string{"the spool directory "} + what, std::strerror(code)};
}

bool flush_directory(const std::string& path) noexcept {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool done = ::fsync(fd) == 0;
    ::close(fd);
    return done;
}

/// The missing ones of its parents too, each durable by name.
int make_directories(const fs::path& path) {
    if (::mkdir(path.c_str(), 0700) == 0) {
        flush_directory(path.has_parent_path() ? path.parent_path().string() : ".");
        return 0;
    }
    if (errno == EEXIST) return 0;
    if (errno != ENOENT || !path.has_parent_path() || path.parent_path() == path) return errno;
    const int failed = make_directories(path.parent_path());
    return failed != 0 ? failed : make_directories(path);
}

/// `20261121T074102Z`
std::string compact(utc_time now) {
    auto text = to_rfc3339(std::chrono::time_point_cast<std::chrono::seconds>(now));
    std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    return text;
}

}  // namespace

result<owned_directory> owned_directory::take(const std::string& path) {
    const auto plain = fs::path{path}.has_filename() ? fs::path{path} : fs::path{path}.parent_path();
    if (const int failed = make_directories(plain); failed != 0) return unusable("cannot be made", failed);
    const auto lock_file = plain / "spool.lock";
    const int fd = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return unusable("cannot be written to", errno);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const int failed = errno;
        ::close(fd);
        if (failed != EWOULDBLOCK) return unusable("cannot be locked", failed);
        return error{
            errc::conflict,
            "another daemon has the spool directory",
            "give each daemon a spool.directory of its own"};
    }
    return owned_directory{plain.string(), fd};
}

owned_directory::owned_directory(owned_directory&& other) noexcept
    : path_{std::move(other.path_)}, lock_{std::exchange(other.lock_, -1)} {}

owned_directory& owned_directory::operator=(owned_directory&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(lock_, other.lock_);
    return *this;
}

owned_directory::~owned_directory() {
    if (lock_ >= 0) ::close(lock_);
}

std::string owned_directory::file() const {
    return (fs::path{path_} / file_name).string();
}

std::uint64_t owned_directory::free_bytes() const noexcept {
    struct statvfs found {};
    if (::statvfs(path_.c_str(), &found) != 0) return 0;
    return static_cast<std::uint64_t>(found.f_bavail) * found.f_frsize;
}

void owned_directory::hold_reserve(std::uint64_t keep_free) const {
    const auto name = (fs::path{path_} / reserve_name).string();
    if (::access(name.c_str(), F_OK) == 0 || free_bytes() < keep_free + 2 * reserve_bytes) return;
    const int fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return;
    const bool held = ::posix_fallocate(fd, 0, reserve_bytes) == 0;
    ::close(fd);
    if (!held) ::unlink(name.c_str());
}

bool owned_directory::release_reserve() const {
    return ::unlink((fs::path{path_} / reserve_name).c_str()) == 0;
}

bool owned_directory::flush() const noexcept {
    return flush_directory(path_);
}

std::string owned_directory::quarantine(utc_time now) const {
    const auto from = file();
    auto to = from + std::string{corrupt_mark} + compact(now);
    for (int again = 2; fs::exists(to); ++again)
        to = from + std::string{corrupt_mark} + compact(now) + "-" + std::to_string(again);
    // The log first: without its database it says nothing, and a new database must not find it.
    for (const char* part : {"-wal", "-shm", ""}) {
        if (::rename((from + part).c_str(), (to + part).c_str()) != 0 && errno != ENOENT) return {};
    }
    flush();
    return to;
}

std::vector<std::string> corrupt_files(const std::string& directory) {
    std::vector<std::string> out;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator{directory, failed}) {
        const auto name = entry.path().filename().string();
        const auto mark = name.find(corrupt_mark);
        if (mark == std::string::npos || name.ends_with("-wal") || name.ends_with("-shm")) continue;
        out.push_back(name);
    }
    std::sort(out.begin(), out.end());
    return out;
}

}  // namespace callhook::spool
