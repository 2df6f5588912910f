#pragma once

#include <cstdint>
#include <string>

namespace callhook::pipeline {

/// How far the feed was when this machine last looked: what a database that is older than it says cannot
/// know. Kept in a file, so that it outlives the daemon; written without being flushed, since a backup is
/// older than what a power cut takes from it. Where the file cannot be written or read there is the memory of
/// the process alone. For one thread.
class feed_memory {
public:
    /// Reads the file; an empty name is none.
    explicit feed_memory(std::string file);

    [[nodiscard]] const std::string& epoch() const noexcept { return epoch_; }
    [[nodiscard]] std::int64_t position() const noexcept { return position_; }

    void note(const std::string& epoch, std::int64_t position);

private:
    void write();

    const std::string file_;
    std::string epoch_{};
    std::int64_t position_ = 0;
    bool written_ = true;
};

}  // namespace callhook::pipeline
