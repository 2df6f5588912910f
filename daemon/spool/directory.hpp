#pragma once

// Private to spool/: the directory around the file.

#include "base/clock.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace callhook::spool {

inline constexpr const char* file_name = "spool.db";

/// The one daemon that works with a spool directory: holds a lock for as long as it lives.
class owned_directory {
public:
    /// Makes the directory, for its owner alone, where it is not there. `unavailable`: it cannot be made or
    /// written to. `conflict`: another process has it.
    static result<owned_directory> take(const std::string& path);

    owned_directory(owned_directory&& other) noexcept;
    owned_directory& operator=(owned_directory&& other) noexcept;
    ~owned_directory();

    [[nodiscard]] std::string file() const;
    /// What its file system has free for this process, in bytes.
    [[nodiscard]] std::uint64_t free_bytes() const noexcept;
    /// Holds some MiB of the disk back, where `keep_free` stays beside them, for when it is full: taking
    /// deliveries out of the file needs room too.
    void hold_reserve(std::uint64_t keep_free) const;
    /// Whether there was a reserve to let go of.
    bool release_reserve() const;
    /// Makes the names in it durable. Whether that worked.
    bool flush() const noexcept;
    /// Renames the file, with its log, out of the way; the new name, or nothing where that failed.
    [[nodiscard]] std::string quarantine(utc_time now) const;

private:
    owned_directory(std::string path, int lock) : path_{std::move(path)}, lock_{lock} {}

    std::string path_;
    int lock_ = -1;
};

/// Names of the files in a directory that were found corrupt, in order.
std::vector<std::string> corrupt_files(const std::string& directory);

}  // namespace callhook::spool
