#include "pipeline/feed_memory.hpp"

#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

namespace callhook::pipeline {

feed_memory::feed_memory(std::string file) : file_{std::move(file)} {
    if (file_.empty()) return;
    std::ifstream in{file_};
    if (std::string epoch; in >> epoch >> position_ && epoch.size() == 8 && position_ >= 0)
        epoch_ = epoch;
    else
        position_ = 0;
}

void feed_memory::note(const std::string& epoch, std::int64_t position) {
    if (epoch != epoch_ || position != position_) {
        epoch_ = epoch;
        position_ = position;
        written_ = false;
    }
    if (!written_ && !file_.empty()) write();
}

/// Beside it first, so that a crash leaves one or the other.
void feed_memory::write() {
    const auto next = file_ + ".next";
    std::error_code failed;
    {
        std::ofstream out{next, std::ios::trunc};
        using std::filesystem::perms;
        std::filesystem::permissions(next, perms::owner_read | perms::owner_write, failed);
        out << epoch_ << ' ' << position_ << '\n';
        if (!out.flush()) return;
    }
    std::filesystem::rename(next, file_, failed);
    written_ = !failed;
}

}  // namespace callhook::pipeline
